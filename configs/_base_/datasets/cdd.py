# CDD (SVCD) as downloaded: 10,000 / 3,000 / 3,000 pairs of 256x256.
_base_ = 'pairs.py'

data_root = 'data/CDD'
pairs = dict(type='CDDDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(batch_size=8, dataset=pairs)
test_dataloader = dict(batch_size=8, dataset=pairs)
