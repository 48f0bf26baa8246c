# FC-Siam-diff on SZTAKI AirChange, series Szada.
#
#   python tools/train.py configs/fc_siam_diff_sztaki_szada.py
#   python tools/test.py configs/fc_siam_diff_sztaki_szada.py \
#       work_dirs/fc_siam_diff_sztaki_szada/best_change_f1_*.pth
#
# Published: F1 52.7 (FC-Siam-diff).
# The windows, augmentation and optimiser are those of the authors for OSCD. What we measured:
# docs/results.md.
_base_ = 'fc_siam_conc_sztaki_szada.py'

# Rarely changed
# As configs/_base_/models/fc_siam_diff.py: the absolute difference of the dates' maps.
model = dict(decode_head=dict(fusion='difference'))
