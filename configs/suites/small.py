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
runs = [
    dict(
        config=f'fc_{network}_{data}',
        benchmark=benchmark,
        title=f'{title}, published protocol',
        seeds=[0, 1, 2],
        # The validation pair of Tiszadob has too little change to choose by.
        checkpoint='last' if data == 'sztaki_tiszadob' else 'best',
    )
    for data, benchmark in _data.items()
    for network, title in _networks.items()
] + [
    dict(
        config=f'fc_{network}_{data}_quick',
        benchmark=_data[data],
        title=f'{title}, quick recipe',
        seeds=[0, 1, 2],
    )
    for data in ('oscd_rgb', 'sztaki_szada')
    for network, title in _networks.items()
]
_slim = 'darnet_slim_sztaki_szada_quick'
runs += [
    dict(config=_slim, benchmark='sztaki_szada', title='DARNet, width 8, quick recipe'),
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
