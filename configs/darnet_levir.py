# DARNet on LEVIR-CD, from the original 1024x1024 tiles as downloaded.
#
#   python tools/train.py configs/darnet_levir.py
#   bash tools/dist_train.sh configs/darnet_levir.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/darnet_levir.py work_dirs/darnet_levir/best_change_f1_*.pth
#
# One GPU as published (batch 8). Recipe: DARNet's release, see _base_/schedules/darnet.py.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/levir_cd.py',
    '_base_/models/darnet.py',
    '_base_/pipelines/darnet_256.py',
    '_base_/schedules/darnet.py',
]

# Often changed
data_root = 'data/LEVIR-CD'  # or: --cfg-options data_root=FOLDER
# The release counts 200 epochs of 7,120 patches of 256x256 (16 from each of 445 tiles) in batches
# of 8. Crops at random places take the patches' part, so iterations count, not passes.
epoch = 7120 // 8
train_cfg = dict(type='IterBasedTrainLoop', max_iters=200 * epoch, val_interval=epoch)

# Rarely changed
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=20 * epoch, gamma=0.5)]
default_hooks = dict(checkpoint=dict(interval=epoch))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
# Windows of 256x256 without overlap: the published protocol's patches.
model = dict(test_cfg=dict(mode='slide', crop_size=(256, 256), stride=(256, 256)))
