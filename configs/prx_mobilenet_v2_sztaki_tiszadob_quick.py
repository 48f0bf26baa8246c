# PRX-Change's decoder, first of three stages, on a MobileNetV2, SZTAKI AirChange, series Tiszadob,
# in 800 steps of 8 windows. A recipe of ours: that of prx_mobilenet_v2_sztaki_szada_quick.py.
#
#   python tools/train.py configs/prx_mobilenet_v2_sztaki_tiszadob_quick.py
#   python tools/test.py configs/prx_mobilenet_v2_sztaki_tiszadob_quick.py \
#       work_dirs/prx_mobilenet_v2_sztaki_tiszadob_quick/iter_800.pth
#
# What we measured: docs/results.md.
_base_ = 'prx_mobilenet_v2_sztaki_szada_quick.py'

# Rarely changed
pairs = dict(series='Tiszadob', val_pairs=[4])
train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
