# A slim DARNet (width 8) on OSCD, 13 bands, in 800 steps of 8 windows. A recipe of ours
# for a CPU: that of fc_siam_conc_oscd_quick.py.
#
#   python tools/train.py configs/darnet_slim_oscd_quick.py
#   python tools/test.py configs/darnet_slim_oscd_quick.py \
#       work_dirs/darnet_slim_oscd_quick/best_change_f1_*.pth
#
# What we measured: docs/results.md.
_base_ = 'fc_siam_conc_oscd_quick.py'

# Rarely changed
# As in configs/darnet_slim_sztaki_szada_quick.py.
model = dict(
    _delete_=True,
    type='SiameseEncoderDecoder',
    batch_dates=False,
    data_preprocessor=dict(type='PairDataPreprocessor'),
    backbone=dict(type='UNetEncoder', base_channels=8),
    decode_head=dict(
        type='DARNetHead',
        in_channels=[16, 32, 64, 128, 256],  # both dates, levels 1 to 5
        channels=8,
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=False, class_weight=[1.0, 3.0]),
            dict(type='DiceLoss', per='class'),
        ],
        loss_weights=dict(d5=0.2, d4=0.2, d3=0.2, d2=0.2, d1=0.2),
    ),
    test_cfg=dict(mode='whole'),
)
