# DARNet on CDD (SVCD), from the original 256x256 pairs as downloaded.
#
#   python tools/train.py configs/darnet_cdd.py
#   bash tools/dist_train.sh configs/darnet_cdd.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/darnet_cdd.py work_dirs/darnet_cdd/best_change_f1_*.pth
#
# One GPU as published (batch 8). Recipe: DARNet's release, see _base_/schedules/darnet.py.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/cdd.py',
    '_base_/models/darnet.py',
    '_base_/pipelines/darnet_256.py',
    '_base_/schedules/darnet.py',
]

# Often changed
data_root = 'data/CDD'  # or: --cfg-options data_root=FOLDER
epoch = 10000 // 8  # iterations in which as many pairs are seen as the training split has
train_cfg = dict(type='IterBasedTrainLoop', max_iters=200 * epoch, val_interval=epoch)

# Rarely changed
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=20 * epoch, gamma=0.5)]
default_hooks = dict(checkpoint=dict(interval=epoch))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
