# FC-EF on OSCD, 13 bands, as its authors train it (Daudt et al., ICIP 2018).
#
#   python tools/train.py configs/fc_ef_oscd.py
#   python tools/test.py configs/fc_ef_oscd.py \
#       work_dirs/fc_ef_oscd/best_change_f1_*.pth
#
# Published: F1 56.9 (FC-EF), 51.4 (FC-Siam-conc), 57.9 (FC-Siam-diff), with all 14 training cities.
# Two of them validate here. What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd.py'

# Rarely changed
# As configs/_base_/models/fc_ef.py: both dates in one encoder.
model = dict(early_fusion=True, decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]))
