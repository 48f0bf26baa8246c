# PRX-Change's decoder, first of its three stages, on a MobileNetV2, OSCD, red, green and blue,
# in 800 steps of 8 windows. A recipe of ours: that of prx_mobilenet_v2_oscd_quick.py.
#
#   python tools/train.py configs/prx_mobilenet_v2_oscd_rgb_quick.py
#   python tools/test.py configs/prx_mobilenet_v2_oscd_rgb_quick.py \
#       work_dirs/prx_mobilenet_v2_oscd_rgb_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'prx_mobilenet_v2_oscd_quick.py'

# Rarely changed
image = dict(bands=['red', 'green', 'blue'])
