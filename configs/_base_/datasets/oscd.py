# OSCD as downloaded: 12 cities to train, 2 to validate, 10 to test; 13 bands of Sentinel-2.
_base_ = 'fc_windows.py'

data_root = 'data/OSCD'
# The authors have no validation split: these two are taken out of their training cities.
val_cities = ['cupertino', 'rennes']
image = dict(
    bands=[
        'coastal',
        'blue',
        'green',
        'red',
        'rededge071',
        'rededge075',
        'rededge078',
        'nir',
        'nir08',
        'nir09',
        'cirrus',
        'swir16',
        'swir22',
    ],
    dtype='uint16',
    metres_per_pixel=10.0,
    standardize=True,  # each date by one mean and one standard deviation, as the authors do
    display_range=(0, 3500),  # of pictures for people
)
pairs = dict(type='OSCDDataset', data_root=data_root, val_cities=val_cities)

# Decoded once, some 700 MB in the user's cache folder: tools/dataset_converters/pixel_cache.py.
train_dataloader = dict(dataset=dict(pairs, cache='memmap'))
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
