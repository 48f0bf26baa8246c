# SZTAKI AirChange, series Tiszadob: pairs 1, 2 and 5 to train, 4 to validate, the official part of
# pair 3 to test. Pairs 2 and 5 hold nearly all change, so none of them is taken out of training.
_base_ = 'pairs.py'

data_root = 'data/SZTAKI-AirChange'
image = dict(metres_per_pixel=1.5)
pairs = dict(type='SZTAKIDataset', data_root=data_root, series='Tiszadob', val_pairs=[4])

# Decoded once, 15 MB in the user's cache folder: tools/dataset_converters/pixel_cache.py.
train_dataloader = dict(dataset=dict(pairs, cache='memmap'))
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
