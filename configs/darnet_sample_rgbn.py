# DARNet on 16-bit pairs of four bands (red, green, blue, near infrared) that are made for it:
# darnet_sample.py with another image description. Minutes on two CPU cores.
#
#   python tools/dataset_converters/make_sample_pairs.py --sensor rgbn --out data/sample_rgbn
#   python tools/train.py configs/darnet_sample_rgbn.py
#   python tools/test.py configs/darnet_sample_rgbn.py \
#       work_dirs/darnet_sample_rgbn/best_change_f1_*.pth
#
# docs/multiband.md explains the image description. No published counterpart.
_base_ = 'darnet_sample.py'

# Often changed
data_root = 'data/sample_rgbn'
image = dict(
    bands=['red', 'green', 'blue', 'nir'],  # the order in the files
    dtype='uint16',
    value_range=(0, 10_000),  # becomes 0 to 255, which is what DARNet takes as it is
)

# Rarely changed
pairs = dict(data_root=data_root, image_suffixes='.tif')
train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
