# PRX-Change's augmentation for DSIFN-CD: 256x256 crops, horizontal and vertical flips (0.5 each),
# no colour jitter. Testing is as in darnet_256.py.
_base_ = 'darnet_256.py'

train_pipeline = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
    dict(type='mmseg.RandomCrop', crop_size=(256, 256)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
    dict(type='mmseg.PackSegInputs', meta_keys={{_base_.pair_meta_keys}}),
]
