# A slim DARNet (width 8) on OSCD, red, green and blue, in 800 steps of 8 windows. A recipe of ours
# for a CPU: that of fc_siam_conc_oscd_rgb_quick.py.
#
#   python tools/train.py configs/darnet_slim_oscd_rgb_quick.py
#   python tools/test.py configs/darnet_slim_oscd_rgb_quick.py \
#       work_dirs/darnet_slim_oscd_rgb_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'darnet_slim_oscd_quick.py'

# Rarely changed
image = dict(bands=['red', 'green', 'blue'])
