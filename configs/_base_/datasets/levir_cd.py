# LEVIR-CD as downloaded: 445 / 64 / 128 tiles of 1024x1024.
_base_ = 'pairs.py'

data_root = 'data/LEVIR-CD'
image = dict(metres_per_pixel=0.5)
pairs = dict(type='LEVIRCDDataset', data_root=data_root)

# Decoded once, about 3 GB in the user's cache folder: tools/dataset_converters/pixel_cache.py.
train_dataloader = dict(dataset=dict(pairs, cache='memmap'))
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
