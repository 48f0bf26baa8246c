# PRX-Change's augmentation for LEVIR-CD and S2Looking: 512x512 crops, horizontal and vertical flips
# (0.5 each), colour jitter of each date by itself. Testing is as in darnet_256.py.
_base_ = 'darnet_256.py'

train_pipeline = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
    dict(type='mmseg.RandomCrop', crop_size=(512, 512)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical'),
    dict(
        type='ForEachDate',
        transforms=[
            dict(
                type='mmpretrain.ColorJitter',
                brightness=0.2,
                contrast=0.2,
                saturation=0.1,
                hue=0.1,
                backend='cv2',
            )
        ],
    ),
    dict(type='mmseg.PackSegInputs', meta_keys={{_base_.pair_meta_keys}}),
]
