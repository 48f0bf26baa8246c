# SZTAKI AirChange, series Tiszadob: pairs 1, 2 and 5 to train, 4 to validate, the official part of
# pair 3 to test. Pairs 2 and 5 hold nearly all change, so none of them is taken out of training.
_base_ = 'sztaki_szada.py'

pairs = dict(series='Tiszadob', val_pairs=[4])
train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
