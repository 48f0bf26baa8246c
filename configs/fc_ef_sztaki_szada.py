# FC-EF on SZTAKI AirChange, series Szada.
#
#   python tools/train.py configs/fc_ef_sztaki_szada.py
#   python tools/test.py configs/fc_ef_sztaki_szada.py \
#       work_dirs/fc_ef_sztaki_szada/best_change_f1_*.pth
#
# Published: F1 52.7 (FC-Siam-diff).
# The windows, augmentation and optimiser are those of the authors for OSCD. What we measured:
# docs/results.md.
_base_ = 'fc_siam_conc_sztaki_szada.py'

# Rarely changed
# As configs/_base_/models/fc_ef.py: both dates in one encoder.
model = dict(early_fusion=True, decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]))
