# The network that comes with mmcd: the demo's slim DARNet, trained further on made-up pairs of both
# styles. docs/weights.md has its figures and all commands that lead to it; the last of them:
#
#   python tools/dataset_converters/make_sample_pairs.py --style estates --out data/estates \
#       --train 2000 --val 24 --test 24 --seed 903
#   python tools/dataset_converters/make_sample_pairs.py --out data/sample_more \
#       --train 600 --val 12 --test 0 --seed 904
#   python tools/train.py configs/buildings_darnet.py --cfg-options load_from=FILE
_base_ = 'darnet_sample.py'

# Often changed
load_from = None  # from scratch; the command above starts from what was trained before
max_iters = 5400
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=600)

# Sometimes changed
image = dict(metres_per_pixel=0.5)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', eta_min=2e-5, by_epoch=False, begin=50, end=max_iters),
]

# Rarely changed
default_hooks = dict(checkpoint=dict(interval=600, max_keep_ckpts=20), logger=dict(interval=25))
pairs = [
    dict(type='BitemporalDataset', data_root=folder, split='train', pipeline=_base_.train_pipeline)
    for folder in ('data/estates', 'data/sample_more')
]
train_dataloader = dict(
    batch_size=8,
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=pairs),
)
auto_scale_lr = dict(base_batch_size=8)
val_dataloader = dict(dataset=dict(data_root='data/estates'))
test_dataloader = dict(dataset=dict(data_root='data/estates'))
