# FC-Siam-conc as published: a small siamese U-Net, both dates' maps in its skips; 1.55 million
# parameters with 13 bands.
model = dict(
    type='SiameseEncoderDecoder',
    batch_dates=False,  # BatchNorm sees one date at a time while training, before first
    # Each data set's `mean` and `std` belong here: the network starts from scratch.
    data_preprocessor=dict(type='PairDataPreprocessor'),
    backbone=dict(
        type='UNetEncoder',
        base_channels=16,
        num_levels=4,
        convs_per_level=(2, 2, 3, 3),
        dropout=0.2,
    ),
    decode_head=dict(
        type='FCSiamHead',
        fusion='concat',
        in_channels=[32, 64, 128, 256],  # both dates, levels 1 to 4
        # Where change is rare, the paper weighs its pixels: class_weight=[...], and then
        # avg_non_ignore=False: MMSegmentation leaves ignored pixels out of a weighted mean anyway,
        # and fails where it is asked to.
        loss_decode=[dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True)],
    ),
    test_cfg=dict(mode='whole'),
)
