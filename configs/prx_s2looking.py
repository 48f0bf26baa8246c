# PRX-Change on S2Looking, first of three stages: the plain network.
#
#   bash tools/train_stages.sh configs/prx_s2looking.py configs/prx_s2looking_{refine,cross}.py
# or this stage alone:
#   python tools/train.py configs/prx_s2looking.py
#   bash tools/dist_train.sh configs/prx_s2looking.py 2 --cfg-options train_dataloader.batch_size=4
#   python tools/test.py configs/prx_s2looking.py work_dirs/prx_s2looking/best_change_f1_*.pth
#
# One GPU as published (batch 8). Recipe: PRX-Change's release, see _base_/schedules/prx.py.
# After the third stage the release reports F1 66.50 (by its checkpoint's name) on whole test tiles.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/s2looking.py',
    '_base_/models/prx_r18.py',
    '_base_/pipelines/prx_512.py',
    '_base_/schedules/prx.py',
]

# Often changed
data_root = 'data/S2Looking'  # or: --cfg-options data_root=FOLDER
pretrained = 'torchvision://resnet18'  # or a file; None: from scratch
epoch = -(-3500 // 8)  # iterations in which each of the 3,500 tiles gives one crop, batches of 8
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000 * epoch, val_interval=2 * epoch)

# Rarely changed
optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, end=1000 * epoch)]
default_hooks = dict(checkpoint=dict(interval=2 * epoch))
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
