# What the loaders of all data sets share that are read as Daudt et al. read OSCD: trained on in
# windows of 96x96, batches of 32, validated and tested whole. Each sets its type and its folder.
_base_ = ['pairs.py', '../pipelines/windows.py']

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(windows=dict(size=96, stride=47, edge='drop'), pipeline=_base_.train_pipeline),
)
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(pipeline=_base_.test_pipeline)
)
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(pipeline=_base_.test_pipeline)
)
