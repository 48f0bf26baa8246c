# The network that comes with mmcd (slim DARNet, made-up pairs of buildings), trained further on
# pairs of your own: docs/own_data.md.
#
#   python tools/train.py configs/buildings_finetune.py --cfg-options data_root=data/mine
#   mmcd map before.tif after.tif --out change.tif \
#       --model work_dirs/buildings_finetune/best_change_f1_*.pth
#
# data/mine holds train/, val/ and test/, each with A/, B/ and label/, as `prepare.py folder` makes
# them. From a checkpoint of your own: --cfg-options load_from=FILE, if its network is the same.
_base_ = 'darnet_sample.py'

# Often changed
data_root = 'data/mine'
load_from = 'buildings'
max_iters = 400
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=50)

# Sometimes changed
# The resolution of the made-up pairs; resample yours to it where they are far from it.
image = dict(metres_per_pixel=0.5)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=False, begin=20, end=max_iters),
]

# Rarely changed
default_hooks = dict(checkpoint=dict(interval=50), logger=dict(interval=10))
train_dataloader = dict(batch_size=8, dataset=dict(data_root=data_root))
auto_scale_lr = dict(base_batch_size=8)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
