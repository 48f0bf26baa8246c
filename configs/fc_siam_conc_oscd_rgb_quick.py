# FC-Siam-conc on OSCD, red, green and blue, in 800 steps of 8 windows: a fraction of the
# published protocol, for a CPU. A recipe of ours, not the published one.
#
#   python tools/train.py configs/fc_siam_conc_oscd_rgb_quick.py
#   python tools/test.py configs/fc_siam_conc_oscd_rgb_quick.py \
#       work_dirs/fc_siam_conc_oscd_rgb_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd_quick.py'

# Rarely changed
image = dict(bands=['red', 'green', 'blue'])
