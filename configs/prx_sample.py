# A slim PRX-Change (an encoder of width 16) on the sample pairs, first of three stages: the demo,
# minutes on two CPU cores.
#
#   make demo MODEL=prx
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/prx_sample.py
#   python tools/test.py configs/prx_sample.py work_dirs/prx_sample/best_change_f1_*.pth
#   bash tools/train_stages.sh configs/prx_sample{,_refine,_cross}.py
#
# No published counterpart: chosen so that it learns in a few minutes without a GPU.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/sample.py',
    '_base_/models/prx_r18.py',
    '_base_/pipelines/prx_256.py',
    '_base_/schedules/prx.py',
]

# Often changed
pretrained = None  # from scratch
max_iters = 800
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=200)

# Sometimes changed
optim_wrapper = dict(optimizer=dict(lr=2e-3, eps=1e-8))  # the published eps is for ImageNet weights
mixed_precision = False  # slower on most CPUs
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=30, end=max_iters),
]

# Rarely changed
model = dict(
    backbone=dict(stem_channels=16, base_channels=16, init_cfg=dict(checkpoint=pretrained)),
    decode_head=dict(in_channels=[32, 64, 128, 256]),
)
default_hooks = dict(checkpoint=dict(interval=200), logger=dict(interval=20))
train_dataloader = dict(num_workers=2, dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
