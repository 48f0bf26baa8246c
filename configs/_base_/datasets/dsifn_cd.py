# DSIFN-CD as downloaded: 3,600 / 340 / 48 pairs of 512x512.
_base_ = 'pairs.py'

data_root = 'data/DSIFN-CD'
pairs = dict(type='DSIFNCDDataset', data_root=data_root)

train_dataloader = dict(batch_size=16, dataset=pairs)
val_dataloader = dict(batch_size=4, dataset=pairs)
test_dataloader = dict(batch_size=4, dataset=pairs)
