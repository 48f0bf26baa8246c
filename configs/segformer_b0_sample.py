# A siamese SegFormer-B0, from scratch, on the sample pairs: minutes on two CPU cores.
#
#   make demo MODEL=segformer_b0
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/segformer_b0_sample.py
#   python tools/test.py configs/segformer_b0_sample.py \
#       work_dirs/segformer_b0_sample/best_change_f1_*.pth
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
# No Python of ours: MMSegmentation's encoder and head, composed by config alone.
model = dict(
    type='SiameseEncoderDecoder',
    data_preprocessor=dict(
        type='PairDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # ImageNet's, RGB
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(
        type='mmseg.MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        drop_path_rate=0.1,
    ),
    decode_head=dict(
        type='mmseg.SegformerHead',
        in_channels=[64, 128, 320, 512],  # both dates: twice the encoder's
        in_index=[0, 1, 2, 3],
        channels=128,
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
