# FC-Siam-diff on OSCD, 13 bands, as its authors train it (Daudt et al., ICIP 2018).
#
#   python tools/train.py configs/fc_siam_diff_oscd.py
#   python tools/test.py configs/fc_siam_diff_oscd.py \
#       work_dirs/fc_siam_diff_oscd/best_change_f1_*.pth
#
# Published: F1 56.9 (FC-EF), 51.4 (FC-Siam-conc), 57.9 (FC-Siam-diff), with all 14 training cities.
# Two of them validate here. What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd.py'

# Rarely changed
# As configs/_base_/models/fc_siam_diff.py: the absolute difference of the dates' maps.
model = dict(decode_head=dict(fusion='difference'))
