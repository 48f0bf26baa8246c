# SZTAKI AirChange, series Szada: pairs 2 to 6 to train, 7 to validate, the official part of pair 1
# to test.
_base_ = 'fc_windows.py'

data_root = 'data/SZTAKI-AirChange'
image = dict(metres_per_pixel=1.5)
pairs = dict(type='SZTAKIDataset', data_root=data_root, series='Szada', val_pairs=[7])

# Decoded once, 20 MB in the user's cache folder: tools/dataset_converters/pixel_cache.py.
train_dataloader = dict(dataset=dict(pairs, cache='memmap'))
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
