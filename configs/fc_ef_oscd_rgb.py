# FC-EF on OSCD, red, green and blue only, as its authors train it.
#
#   python tools/train.py configs/fc_ef_oscd_rgb.py
#   python tools/test.py configs/fc_ef_oscd_rgb.py \
#       work_dirs/fc_ef_oscd_rgb/best_change_f1_*.pth
#
# Published: F1 48.9 (FC-EF), 48.9 (FC-Siam-diff), with all 14 training cities. Two of them validate
# here. What we measured: docs/results.md.
_base_ = 'fc_ef_oscd.py'

# Rarely changed
image = dict(bands=['red', 'green', 'blue'])
