# FC-EF as published: a small U-Net on both dates as one image (early fusion); 1.35 million
# parameters with 13 bands.
_base_ = 'fc_siam_conc.py'

model = dict(
    early_fusion=True,
    decode_head=dict(fusion='early', in_channels=[16, 32, 64, 128]),  # levels 1 to 4
)
