# LEVIR-CD as downloaded: 445 / 64 / 128 tiles of 1024x1024.
_base_ = 'pairs.py'

data_root = 'data/LEVIR-CD'
image = dict(metres_per_pixel=0.5)
pairs = dict(type='LEVIRCDDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
