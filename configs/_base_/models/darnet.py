# DARNet as published: width 32, 15.09 million parameters, raw 0..255 input.
model = dict(
    type='SiameseEncoderDecoder',
    batch_dates=False,  # BatchNorm sees one date at a time while training, before first
    data_preprocessor=dict(type='PairDataPreprocessor'),
    backbone=dict(type='UNetEncoder', base_channels=32),
    decode_head=dict(
        type='DARNetHead',
        in_channels=[64, 128, 256, 512, 1024],  # both dates, levels 1 to 5
        channels=32,
        loss_decode=[
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            # The release's form; per='class' is the usual one.
            dict(type='DiceLoss', per='class_and_column'),
        ],
        loss_weights=dict(d5=0.2, d4=0.2, d3=0.2, d2=0.2, d1=0.2),
    ),
    test_cfg=dict(mode='whole'),
)
