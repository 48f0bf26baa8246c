# darnet_256.py for data sets that cut their scenes themselves (`windows`): a sample is a window of
# a scene, in one of the square's eight symmetries.
_base_ = 'darnet_256.py'

train_pipeline = [step for step in _base_.train_pipeline if step['type'] != 'mmseg.RandomCrop']
