# CLCD as downloaded: 360 / 120 / 120 pairs of 512x512.
_base_ = 'pairs.py'

data_root = 'data/CLCD'
pairs = dict(type='CLCDDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(batch_size=4, dataset=pairs)
test_dataloader = dict(batch_size=4, dataset=pairs)
