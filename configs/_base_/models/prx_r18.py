# PRX-Change as published: ResNet-18 with ImageNet weights, 13.49 million parameters (first stage).
# Other depths: backbone.depth and pretrained; 50 and 101 also
# decode_head.in_channels=[512, 1024, 2048, 4096].
pretrained = 'torchvision://resnet18'
model = dict(
    type='SiameseEncoderDecoder',
    batch_dates=True,  # BatchNorm sees both dates at once while training
    data_preprocessor=dict(
        type='PairDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # ImageNet's, RGB
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(
        type='PRXHead',
        in_channels=[128, 256, 512, 1024],  # both dates, strides 4, 8, 16, 32
        loss_decode=[dict(type='BinaryCrossEntropyLoss')],
    ),
    test_cfg=dict(mode='whole'),
)
