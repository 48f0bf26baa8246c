# FC-EF on SZTAKI AirChange, series Tiszadob, in 800 steps of 8 windows: a fraction of the
# published protocol, for a CPU. A recipe of ours, not the published one.
#
#   python tools/train.py configs/fc_ef_sztaki_tiszadob_quick.py
#   python tools/test.py configs/fc_ef_sztaki_tiszadob_quick.py \
#       work_dirs/fc_ef_sztaki_tiszadob_quick/iter_800.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_sztaki_tiszadob_quick.py'

# Rarely changed
# As configs/_base_/models/fc_ef.py: both dates in one encoder.
model = dict(early_fusion=True, decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]))
