# PRX-Change's decoder, first of its three stages, on a MobileNetV2, OSCD, 13 bands,
# in 800 steps of 8 windows. A recipe of ours. The published networks start from a
# ResNet-18 with ImageNet weights, this one from a MobileNetV2, whose weights come in a package.
#
#   python tools/train.py configs/prx_mobilenet_v2_oscd_quick.py
#   python tools/test.py configs/prx_mobilenet_v2_oscd_quick.py \
#       work_dirs/prx_mobilenet_v2_oscd_quick/best_change_f1_*.pth
#
# Where the weights come from: upernet_mobilenet_v2_oscd_quick.py.
# What we measured: docs/results.md.
_base_ = 'upernet_mobilenet_v2_oscd_quick.py'

# Rarely changed
model = dict(
    backbone=dict(out_indices=(1, 2, 4, 6)),  # at 1/4 to 1/32
    decode_head=dict(
        _delete_=True,
        type='PRXHead',
        in_channels=[48, 64, 192, 640],  # both dates
        loss_decode=[dict(type='BinaryCrossEntropyLoss'), dict(type='mmcd.DiceLoss')],
    ),
)
