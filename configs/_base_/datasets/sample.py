# The sample pairs that tools/dataset_converters/make_sample_pairs.py makes, 256x256.
_base_ = 'pairs.py'

data_root = 'data/sample'  # or: --cfg-options data_root=FOLDER
pairs = dict(type='BitemporalDataset', data_root=data_root)

train_dataloader = dict(dataset=pairs)
val_dataloader = dict(dataset=pairs)
test_dataloader = dict(dataset=pairs)
