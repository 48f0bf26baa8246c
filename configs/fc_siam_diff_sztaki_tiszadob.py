# FC-Siam-diff on SZTAKI AirChange, series Tiszadob.
#
#   python tools/train.py configs/fc_siam_diff_sztaki_tiszadob.py
#   python tools/test.py configs/fc_siam_diff_sztaki_tiszadob.py \
#       work_dirs/fc_siam_diff_sztaki_tiszadob/iter_1050.pth
#
# Published: F1 93.4 (FC-EF).
# The windows, augmentation and optimiser are those of the authors for OSCD. What we measured:
# docs/results.md.
_base_ = 'fc_siam_conc_sztaki_tiszadob.py'

# Rarely changed
# As configs/_base_/models/fc_siam_diff.py: the absolute difference of the dates' maps.
model = dict(decode_head=dict(fusion='difference'))
