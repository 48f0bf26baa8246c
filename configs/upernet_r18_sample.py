# A siamese ResNet-18 with UPerNet's head, from scratch, on the sample pairs: minutes without a GPU.
#
#   make demo MODEL=upernet_r18
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/upernet_r18_sample.py
#   python tools/test.py configs/upernet_r18_sample.py \
#       work_dirs/upernet_r18_sample/best_change_f1_*.pth
#
# No published counterpart: trained as long as darnet_sample.py, so that their F1 can be compared.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/sample.py',
    '_base_/pipelines/darnet_128.py',
    '_base_/schedules/sample.py',
]

# Often changed
optim_wrapper = dict(optimizer=dict(lr=1e-3))

# Rarely changed
# No Python of ours: MMPretrain's encoder and MMSegmentation's head, composed by config alone.
model = dict(
    type='SiameseEncoderDecoder',
    data_preprocessor=dict(
        type='PairDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # ImageNet's, RGB
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2, 3)),
    decode_head=dict(
        type='mmseg.UPerHead',
        in_channels=[128, 256, 512, 1024],  # both dates: twice the encoder's
        in_index=[0, 1, 2, 3],
        channels=64,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            dict(type='mmcd.DiceLoss'),
        ],
    ),
    test_cfg=dict(mode='whole'),
)
default_hooks = dict(checkpoint=dict(interval=150), logger=dict(interval=30))
train_dataloader = dict(batch_size=4, num_workers=2, dataset=dict(pipeline=_base_.train_pipeline))
auto_scale_lr = dict(base_batch_size=4)
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
