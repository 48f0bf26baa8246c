# PRX-Change on DSIFN-CD, first of three stages: the plain network.
#
#   bash tools/train_stages.sh configs/prx_dsifn.py configs/prx_dsifn_{refine,cross}.py
# or this stage alone:
#   python tools/train.py configs/prx_dsifn.py
#   bash tools/dist_train.sh configs/prx_dsifn.py 2 --cfg-options train_dataloader.batch_size=8
#   python tools/test.py configs/prx_dsifn.py work_dirs/prx_dsifn/best_change_f1_*.pth
#
# One GPU as published (batch 16). Recipe: PRX-Change's release, see _base_/schedules/prx.py.
# No figure to compare with: the release's 96.44 was scored on the 256x256 edition, 164 of whose 192
# test images are in its train split too.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/dsifn_cd.py',
    '_base_/models/prx_r18.py',
    '_base_/pipelines/prx_256.py',
    '_base_/schedules/prx.py',
]

# Often changed
data_root = 'data/DSIFN-CD'  # or: --cfg-options data_root=FOLDER
pretrained = 'torchvision://resnet18'  # or a file; None: from scratch
# The release counts passes over 14,400 patches of 256x256, four of each of the 3,600 pairs. Crops
# at random places take the patches' part, so iterations count, not passes.
epoch = 14400 // 16
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000 * epoch, val_interval=epoch)

# Rarely changed
optim_wrapper = dict(optimizer=dict(lr=8e-4))
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, end=1000 * epoch)]
default_hooks = dict(checkpoint=dict(interval=epoch))
model = dict(
    backbone=dict(init_cfg=dict(checkpoint=pretrained)),
    # Windows of 256x256 without overlap: the patches that the release trains and tests on.
    test_cfg=dict(mode='slide', crop_size=(256, 256), stride=(256, 256)),
)
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=_base_.test_pipeline))
