# FC-Siam-conc on SZTAKI AirChange, series Tiszadob.
#
#   python tools/train.py configs/fc_siam_conc_sztaki_tiszadob.py
#   python tools/test.py configs/fc_siam_conc_sztaki_tiszadob.py \
#       work_dirs/fc_siam_conc_sztaki_tiszadob/iter_1050.pth
#
# Published: F1 93.4 (FC-EF).
# The windows, augmentation and optimiser are those of the authors for OSCD. What we measured:
# docs/results.md.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/sztaki_tiszadob.py',
    '_base_/models/fc_siam_conc.py',
    '_base_/schedules/fc.py',
]

# Often changed
data_root = 'data/SZTAKI-AirChange'
pass_iters = 21  # 684 windows in batches of 32
max_iters = 50 * pass_iters
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5 * pass_iters)

# Rarely changed
param_scheduler = [dict(type='StepLR', step_size=pass_iters, gamma=0.95, by_epoch=False)]
model = dict(
    data_preprocessor=dict(mean=[102.1, 119.8, 98.4], std=[45.4, 33.3, 28.6]),
    decode_head=dict(
        loss_decode=[
            # [20 p, 2 (1 - p)] for unchanged and changed, p the share of changed pixels in train.
            dict(
                type='mmseg.CrossEntropyLoss', avg_non_ignore=False, class_weight=[0.8062, 1.9194]
            ),
        ],
    ),
)
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(checkpoint=dict(interval=5 * pass_iters), logger=dict(interval=20))
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
