# FC-Siam-diff on 13 bands of Sentinel-2 (made-up pairs), 16 bit. Minutes on two CPU cores.
#
#   python tools/dataset_converters/make_sample_pairs.py --sensor sentinel2 \
#       --out data/sample_sentinel2
#   python tools/train.py configs/fc_siam_diff_sample_sentinel2.py
#   python tools/test.py configs/fc_siam_diff_sample_sentinel2.py \
#       work_dirs/fc_siam_diff_sample_sentinel2/best_change_f1_*.pth
#
# docs/multiband.md explains the image description. No published counterpart.
_base_ = 'fc_siam_diff_sample.py'

# Often changed
data_root = 'data/sample_sentinel2'
image = dict(
    # The order in the files; Sentinel-2's bands by their common names.
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
    display_range=(0, 4500),  # of pictures; the network gets the values as they are
)

# Sometimes changed
# As tools/dataset_converters/audit.py prints them.
model = dict(
    data_preprocessor=dict(
        mean=[1481, 1610, 1906, 1983, 2280, 2539, 2858, 2837, 2829, 2801, 24.8, 2831, 1982],
        std=[559, 608, 613, 692, 671, 666, 678, 673, 671, 665, 23.4, 1005, 704],
    )
)

# Rarely changed
pairs = dict(data_root=data_root, image_suffixes='.tif')
train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
