# S2Looking as downloaded: 3,500 / 500 / 1,000 tiles of 1024x1024.
_base_ = 'pairs.py'

data_root = 'data/S2Looking'
pairs = dict(type='S2LookingDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
