# FC-EF on OSCD, 13 bands, in 800 steps of 8 windows: a fraction of the
# published protocol, for a CPU. A recipe of ours, not the published one.
#
#   python tools/train.py configs/fc_ef_oscd_quick.py
#   python tools/test.py configs/fc_ef_oscd_quick.py \
#       work_dirs/fc_ef_oscd_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd_quick.py'

# Rarely changed
# As configs/_base_/models/fc_ef.py: both dates in one encoder.
model = dict(early_fusion=True, decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]))
