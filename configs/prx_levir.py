# PRX-Change on LEVIR-CD, first of three stages: the plain network.
#
#   bash tools/train_stages.sh configs/prx_levir.py configs/prx_levir_{refine,cross}.py
# or this stage alone:
#   python tools/train.py configs/prx_levir.py
#   bash tools/dist_train.sh configs/prx_levir.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/prx_levir.py work_dirs/prx_levir/best_change_f1_*.pth
#
# One GPU as published (batch 8). Recipe: PRX-Change's release, see _base_/schedules/prx.py.
# After the third stage the release reports F1 92.14 (by its checkpoint's name) on whole test tiles.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/levir_cd.py',
    '_base_/models/prx_r18.py',
    '_base_/pipelines/prx_512.py',
    '_base_/schedules/prx.py',
]

# Often changed
data_root = 'data/LEVIR-CD'  # or: --cfg-options data_root=FOLDER
pretrained = 'torchvision://resnet18'  # or a file; None: from scratch
epoch = -(-445 // 8)  # iterations in which each of the 445 tiles gives one crop, in batches of 8
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000 * epoch, val_interval=10 * epoch)

# Rarely changed
optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, end=1000 * epoch)]
default_hooks = dict(checkpoint=dict(interval=10 * epoch))
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
