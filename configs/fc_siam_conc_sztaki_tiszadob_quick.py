# FC-Siam-conc on SZTAKI AirChange, series Tiszadob, in 800 steps of 8 windows: a fraction of the
# published protocol, for a CPU. A recipe of ours, not the published one.
#
#   python tools/train.py configs/fc_siam_conc_sztaki_tiszadob_quick.py
#   python tools/test.py configs/fc_siam_conc_sztaki_tiszadob_quick.py \
#       work_dirs/fc_siam_conc_sztaki_tiszadob_quick/iter_800.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_sztaki_szada_quick.py'

# Rarely changed
# Tiszadob in place of Szada: configs/_base_/datasets/sztaki_tiszadob.py.
model = dict(data_preprocessor=dict(mean=[102.1, 119.8, 98.4], std=[45.4, 33.3, 28.6]))
pairs = dict(series='Tiszadob', val_pairs=[4])
train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
