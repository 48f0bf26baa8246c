# WHU-CD as tools/dataset_converters/prepare.py cuts it: tiles of 256x256.
_base_ = 'pairs.py'

data_root = 'data/WHU-CD'
image = dict(metres_per_pixel=0.2)
pairs = dict(type='WHUCDDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(batch_size=8, dataset=pairs)
test_dataloader = dict(batch_size=8, dataset=pairs)
