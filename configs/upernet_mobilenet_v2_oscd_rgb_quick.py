# A siamese MobileNetV2 with UPerNet's head on OSCD, red, green and blue, in 800 steps of 8
# windows: what ImageNet weights of the encoder bring on so small a set. A recipe of ours.
#
#   python tools/train.py configs/upernet_mobilenet_v2_oscd_rgb_quick.py
#   python tools/test.py configs/upernet_mobilenet_v2_oscd_rgb_quick.py \
#       work_dirs/upernet_mobilenet_v2_oscd_rgb_quick/best_change_f1_*.pth
#
# Where the weights come from: upernet_mobilenet_v2_oscd_quick.py.
# What we measured: docs/results.md.
_base_ = 'upernet_mobilenet_v2_oscd_quick.py'

# Rarely changed
image = dict(bands=['red', 'green', 'blue'])
