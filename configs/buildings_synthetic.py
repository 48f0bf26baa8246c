# A slim siamese ResNet-18 with FC-Siam's decoder that learns the buildings of both dates, on
# made-up pairs alone.
#
#   python tools/train.py configs/buildings_synthetic.py
#
# The first pass over the pairs draws them, each later one takes them from memory (0.4 GB).
_base_ = [
    '_base_/default_runtime.py',
    '_base_/pipelines/darnet_128.py',
    '_base_/schedules/sample.py',
]

# Often changed
# The ground resolution that most of the pairs have; maps of other scenes are resampled to it.
image = dict(bands=('red', 'green', 'blue'), metres_per_pixel=0.5)
max_iters = 1300
pairs = 760

# Sometimes changed
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=325)
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=1e-3), clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.02, by_epoch=False, begin=30, end=max_iters),
]
train_pipeline = [
    dict(type='StackPair'),
    dict(type='mmseg.RandomCrop', crop_size=(128, 128), cat_max_ratio=0.98),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomRotFlip', rotate_prob=0.0, flip_prob=1.0),
    dict(
        type='ForEachDate',
        transforms=[
            dict(
                type='mmseg.PhotoMetricDistortion',
                brightness_delta=20,
                contrast_range=(0.75, 1.3),
                saturation_range=(0.7, 1.3),
                hue_delta=6,
            )
        ],
    ),
    # The cases "before only" and "after only" take each other's place.
    dict(type='ExchangeDates', prob=0.3, swap_labels=(1, 2)),
    dict(type='mmseg.PackSegInputs', meta_keys=_base_.pair_meta_keys),
]
test_pipeline = [
    dict(type='LoadImagePair'),
    dict(type='StackPair'),
    dict(type='mmseg.PackSegInputs', meta_keys=_base_.pair_meta_keys),
]

# Rarely changed
model = dict(
    type='SiameseEncoderDecoder',
    batch_dates=True,  # BatchNorm sees both dates at once
    data_preprocessor=dict(
        type='PairDataPreprocessor', mean=[95.0, 92.0, 82.0], std=[48.0, 46.0, 45.0]
    ),
    # ResNet-18 at three eighths of its width, so that a laptop trains and runs it.
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        deep_stem=True,
        stem_channels=24,
        base_channels=24,
        out_indices=(0, 1, 2, 3),
    ),
    decode_head=dict(
        type='BuildingChangeHead',
        fusion='concat',
        stride=4,
        in_channels=[48, 96, 192, 384],  # both dates, levels 1 to 4
        convs_per_level=(2, 1, 1, 1),
        dropout=0.0,
    ),
    test_cfg=dict(mode='whole'),
)
synthetic = dict(type='SyntheticPairDataset', style='estates', seed=77)
train_dataloader = dict(
    batch_size=6,
    num_workers=1,  # each draws and keeps all pairs
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **synthetic,
        split='train',
        length=pairs,
        labels='buildings',
        keep=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **synthetic, length=60, split='val', test_mode=True, keep=True, pipeline=test_pipeline
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**synthetic, length=60, split='test', test_mode=True, pipeline=test_pipeline),
)
auto_scale_lr = dict(base_batch_size=6)
default_hooks = dict(checkpoint=dict(interval=50, max_keep_ckpts=5), logger=dict(interval=25))
