# DARNet's augmentation: 256x256 crops, horizontal and vertical flips (0.5 each), rotations by
# 90, 180 and 270 degrees with probability 0.75. No colour changes, no normalisation.
pair_meta_keys = (
    'pair_name',
    'img_path',
    'before_path',
    'after_path',
    'seg_map_path',
    'window',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'dates_exchanged',
)
train_pipeline = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
    dict(type='mmseg.RandomCrop', crop_size=(256, 256)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    # Always a rotation by 0, 90, 180 or 270 degrees and a flip along a random axis: with the flip
    # above, each of the square's eight symmetries comes with the same probability, as in the
    # release's flips and rotations.
    dict(type='mmseg.RandomRotFlip', rotate_prob=0.0, flip_prob=1.0),
    dict(type='mmseg.PackSegInputs', meta_keys=pair_meta_keys),
]
test_pipeline = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
    dict(type='mmseg.PackSegInputs', meta_keys=pair_meta_keys),
]
