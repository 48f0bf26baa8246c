# A slim DARNet (width 8) on the sample pairs: the demo, minutes on two CPU cores.
#
#   make demo
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/darnet_sample.py
#   python tools/test.py configs/darnet_sample.py work_dirs/darnet_sample/best_change_f1_*.pth
#
# No published counterpart: chosen so that it learns in a few minutes without a GPU.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/sample.py',
    '_base_/models/darnet.py',
    '_base_/pipelines/darnet_128.py',
    '_base_/schedules/darnet.py',
]

# Often changed
max_iters = 600
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=150)

# Sometimes changed
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', eta_min=2e-5, by_epoch=False, begin=30, end=max_iters),
]

# Rarely changed
model = dict(
    backbone=dict(base_channels=8),
    decode_head=dict(
        in_channels=[16, 32, 64, 128, 256],
        channels=8,
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            dict(type='DiceLoss', per='class'),  # the usual form
        ],
    ),
)
default_hooks = dict(checkpoint=dict(interval=150), logger=dict(interval=30))
train_dataloader = dict(batch_size=4, num_workers=2, dataset=dict(pipeline=_base_.train_pipeline))
auto_scale_lr = dict(base_batch_size=4)
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
