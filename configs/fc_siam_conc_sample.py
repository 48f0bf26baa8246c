# FC-Siam-conc on the sample pairs: minutes on two CPU cores.
#
#   make demo MODEL=fc_siam_conc
# or, after python tools/dataset_converters/make_sample_pairs.py:
#   python tools/train.py configs/fc_siam_conc_sample.py
#   python tools/test.py configs/fc_siam_conc_sample.py \
#       work_dirs/fc_siam_conc_sample/best_change_f1_*.pth
#
# No published counterpart: trained as long as darnet_sample.py, so that their F1 can be compared.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/datasets/sample.py',
    '_base_/models/fc_siam_conc.py',
    '_base_/pipelines/darnet_128.py',
    '_base_/schedules/sample.py',
]

# Rarely changed
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],  # ImageNet's, RGB
        std=[58.395, 57.12, 57.375],
    ),
    decode_head=dict(
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            dict(type='mmcd.DiceLoss'),
        ],
    ),
)
default_hooks = dict(checkpoint=dict(interval=150), logger=dict(interval=30))
train_dataloader = dict(batch_size=4, num_workers=2, dataset=dict(pipeline=_base_.train_pipeline))
auto_scale_lr = dict(base_batch_size=4)
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=_base_.test_pipeline))
