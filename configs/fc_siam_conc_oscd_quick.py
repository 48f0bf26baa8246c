# FC-Siam-conc on OSCD, 13 bands, in 800 steps of 8 windows: a fraction of the
# published protocol, for a CPU. A recipe of ours, not the published one.
#
#   python tools/train.py configs/fc_siam_conc_oscd_quick.py
#   python tools/test.py configs/fc_siam_conc_oscd_quick.py \
#       work_dirs/fc_siam_conc_oscd_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd.py'

# Often changed
max_iters = 800
train_cfg = dict(max_iters=max_iters, val_interval=200)

# Sometimes changed
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=40),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.01, by_epoch=False, begin=40, end=max_iters),
]

# Rarely changed
# So few steps overfit nothing: without dropout, and with a Dice loss, they find the rare class.
model = dict(
    backbone=dict(dropout=0.0),
    decode_head=dict(
        dropout=0.0,
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=False, class_weight=[1.0, 3.0]),
            dict(type='mmcd.DiceLoss'),
        ],
    ),
)
default_hooks = dict(checkpoint=dict(interval=200))
auto_scale_lr = dict(base_batch_size=8)
train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(type='ExchangeDates', prob=0.5),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(
    batch_size=8, dataset=dict(windows=dict(random=True), pipeline=train_pipeline)
)
