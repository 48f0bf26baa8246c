# SYSU-CD as downloaded: 12,000 / 4,000 / 4,000 pairs of 256x256.
_base_ = 'pairs.py'

data_root = 'data/SYSU-CD'
image = dict(metres_per_pixel=0.5)
pairs = dict(type='SYSUCDDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(batch_size=8, dataset=pairs)
test_dataloader = dict(batch_size=8, dataset=pairs)
