# darnet_256.py with crops of 128x128, for the sample pairs.
_base_ = 'darnet_256.py'

train_pipeline = [
    dict(step, crop_size=(128, 128)) if step['type'] == 'mmseg.RandomCrop' else step
    for step in _base_.train_pipeline
]
