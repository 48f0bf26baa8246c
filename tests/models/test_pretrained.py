from __future__ import annotations

from urllib.error import URLError

import pytest
import torch
import torchvision
from mmengine.config import Config

from mmcd.apis import init_model
from mmcd.config import drop_pretrained, load_config
from mmcd.errors import CheckpointError
from mmcd.models import PretrainedWeights
from mmcd.models.stem import inflate_stem
from mmcd.registry import MODELS
from tests.models.building import CONFIGS

NETWORKS = {
    'resnet18': torchvision.models.resnet18,
    'resnet34': torchvision.models.resnet34,
    'resnet50': torchvision.models.resnet50,
    'mobilenet_v2': torchvision.models.mobilenet_v2,
}
# One of MMSegmentation's heads, for one map a level.
EARLY_HEAD = dict(
    _delete_=True, type='mmseg.FCNHead', in_channels=512, in_index=-1, channels=8, num_convs=1
)


@pytest.fixture
def weights(tmp_path):
    """A file as torchvision's ImageNet weights, under their names."""

    def write(network='resnet18', change=lambda state_dict: state_dict):
        torch.manual_seed(7)
        path = tmp_path / f'{network}.pth'
        torch.save(change(NETWORKS[network](weights=None).state_dict()), path)
        return path

    return write


def initialised(pretrained, config='prx_levir.py', **options):
    options = {'pretrained': pretrained, **options}
    model = MODELS.build(load_config(CONFIGS / config, options).model)
    model.init_weights()
    return model


def test_a_local_file_by_one_key(weights):
    path = weights()
    ours = initialised(str(path)).backbone.state_dict()
    file = torch.load(path, weights_only=True)
    assert file.keys() - ours.keys() == {'fc.weight', 'fc.bias'}
    assert all(torch.equal(tensor, file[name]) for name, tensor in ours.items())


def one_number_a_layer(state_dict):
    """The names of the many MobileNetV2 that nest no layers in a block, in the order of names."""
    renamed = {}
    for name, value in state_dict.items():
        layer, _, leaf = name.rpartition('.')
        block, nested, place = layer.partition('.conv.')
        if nested:
            number, _, inner = place.partition('.')
            expands = not name.startswith('features.1.')
            # A convolution, its norm and its activation, each with a number of its own.
            units = 3 * int(number) if inner else 6 if expands else 3
            step = int(inner) if inner else int(number) - (2 if expands else 1)
            layer = f'{block}.conv.{units + step}'
        renamed[f'{layer}.{leaf}'] = value
    return dict(sorted(renamed.items()))


@pytest.mark.parametrize('change', [lambda s: s, one_number_a_layer])
def test_mobilenet_v2_takes_torchvisions_names(weights, change):
    path = weights('mobilenet_v2', change)
    backbone = initialised(str(path), 'upernet_mobilenet_v2_oscd_rgb_quick.py').eval().backbone
    theirs = torchvision.models.mobilenet_v2(weights=None).eval()
    torch.manual_seed(7)  # as the fixture's
    theirs.load_state_dict(torchvision.models.mobilenet_v2(weights=None).state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        ours = backbone.conv1(x)
        for name in backbone.layers:
            ours = getattr(backbone, name)(ours)
        torch.testing.assert_close(ours, theirs.features(x))


def test_mobilenet_v2_takes_thirteen_bands(weights):
    path = weights('mobilenet_v2')
    ours = initialised(str(path), 'upernet_mobilenet_v2_oscd_quick.py').backbone.state_dict()
    stem = torch.load(path, weights_only=True)['features.0.0.weight']
    blue, nir = 1, 7
    assert ours['conv1.conv.weight'].shape == (32, 13, 3, 3)
    torch.testing.assert_close(ours['conv1.conv.weight'][:, blue], stem[:, 2] * 3 / 13)
    torch.testing.assert_close(ours['conv1.conv.weight'][:, nir], stem.mean(1) * 3 / 13)


def test_another_mobilenet_is_told(weights):
    path = weights('mobilenet_v2', lambda s: {n: v for n, v in s.items() if '.18.' not in n})
    with pytest.raises(CheckpointError, match=r'weights of the encoder are not in the file'):
        initialised(str(path), 'upernet_mobilenet_v2_oscd_rgb_quick.py')


def stem(weights, *bands, **options):
    """The first convolution that a model for such bands gets, and that of the RGB file."""
    path = weights()
    options['image'] = dict(bands=list(bands), dtype='uint16')
    ours = initialised(str(path), **options).backbone.state_dict()
    file = torch.load(path, weights_only=True)
    name = 'conv1.weight'
    assert all(torch.equal(tensor, file[key]) for key, tensor in ours.items() if key != name)
    return ours[name], file[name]


def test_other_bands_take_the_colours_filters_and_their_mean(weights):
    ours, rgb = stem(weights, 'nir', 'red', 'green', 'blue')
    expected = torch.stack([rgb.mean(1), *rgb.unbind(1)], dim=1) * 3 / 4
    torch.testing.assert_close(ours, expected)
    # An image that is grey in every band gets the response that the RGB encoder gives it.
    torch.testing.assert_close(ours.sum(1), rgb.sum(1))


def test_another_order_of_the_colours_is_another_order_of_the_filters(weights):
    ours, rgb = stem(weights, 'blue', 'green', 'red')
    assert torch.equal(ours, rgb.flip(1))


def test_early_fusion_repeats_the_filters_for_both_dates(weights):
    fused = {'model.early_fusion': True, 'model.decode_head': EARLY_HEAD}
    ours, rgb = stem(weights, 'red', 'green', 'blue', **fused)
    assert torch.equal(ours, torch.cat([rgb, rgb], dim=1) / 2)


def test_inflating_takes_only_what_has_three_channels():
    conv = torch.nn.Sequential(torch.nn.Conv2d(4, 2, 3))
    four = {'0.weight': torch.ones(2, 4, 3, 3), '0.bias': torch.ones(2)}
    assert inflate_stem(four, conv, ['red', 'green', 'blue', 'nir']) == four
    three = {'0.weight': torch.ones(2, 3, 3, 3), '0.bias': torch.ones(2)}
    inflated = inflate_stem(three, conv, ['red', 'green', 'blue', 'nir'])
    assert inflated['0.weight'].shape == (2, 4, 3, 3) and inflated['0.bias'] is three['0.bias']
    assert three['0.weight'].shape == (2, 3, 3, 3)
    assert inflate_stem(three, conv, ['red', 'green', 'blue']) is three


def test_every_stage_and_data_set_takes_the_key():
    for config in sorted(CONFIGS.glob('prx_*.py')):
        cfg = load_config(config, {'pretrained': 'here.pth'})
        assert cfg.model.backbone.init_cfg.checkpoint == 'here.pth', config
        assert 'init_cfg' not in load_config(config, {'pretrained': None}).model.backbone, config


def test_none_leaves_the_backbones_own_initialisation():
    backbone = initialised(None).backbone
    weight = backbone.layer4[1].conv1.weight  # Kaiming's normal distribution over the outputs
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.02)


def test_an_editable_leaf_reaches_the_encoder(tmp_path):
    """The key works where a user edits it in the config file, too."""
    text = (CONFIGS / 'prx_levir.py').read_text().replace("'_base_/", f"'{CONFIGS}/_base_/")
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(text.replace('torchvision://resnet18', 'mine.pth').replace('data/', 'my/'))
    cfg = load_config(leaf)
    assert cfg.model.backbone.init_cfg.checkpoint == 'mine.pth'
    assert cfg.train_dataloader.dataset.data_root == 'my/LEVIR-CD'
    again = load_config(leaf, {'pretrained': 'other.pth', 'data_root': 'X'})
    assert again.model.backbone.init_cfg.checkpoint == 'other.pth'
    assert again.test_dataloader.dataset.data_root == 'X'


def test_what_is_left_on_either_side_is_logged(weights, monkeypatch):
    logged = []
    monkeypatch.setattr('mmcd.models.pretrained.print_log', lambda text, **_: logged.append(text))

    def without_a_norm(state_dict):
        return {n: v for n, v in state_dict.items() if not n.startswith('bn1.')}

    initialised(str(weights(change=without_a_norm)))
    (text,) = logged
    assert 'of 120 tensors; left as initialised: bn1.weight, bn1.bias' in text
    assert 'not used: fc.weight, fc.bias' in text


@pytest.mark.parametrize(
    ('network', 'change', 'message'),
    [
        ('resnet50', lambda s: s, r'size mismatch for layer1\.0\.conv1\.weight'),
        ('resnet34', lambda s: s, r"of the file's not in the encoder \(such as layer1\.2\."),
        ('resnet18', lambda s: {f'backbone.{n}': v for n, v in s.items()}, r'`prefix`'),
        ('resnet18', lambda s: {n: v for n, v in s.items() if n[:5] != 'conv1'}, r'as conv1\.w'),
        ('resnet18', lambda s: dict(s, evil=print), r'would run code from the file'),
    ],
)
def test_what_does_not_fit_is_an_error_with_ways_out(weights, network, change, message):
    path = weights(network, change)
    with pytest.raises(CheckpointError, match=message) as caught:
        initialised(str(path))
    for way_out in (str(path), 'pretrained=FILE', 'pretrained=None'):
        assert way_out in str(caught.value)


def test_a_prefix_is_taken_off(weights):
    path = weights(change=lambda s: {'state_dict': {f'backbone.{n}': v for n, v in s.items()}})
    model = MODELS.build(load_config(CONFIGS / 'prx_levir.py').model)
    PretrainedWeights(str(path), prefix='backbone.')(model.backbone)
    file = torch.load(path, weights_only=True)['state_dict']
    assert torch.equal(model.backbone.conv1.weight, file['backbone.conv1.weight'])


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('nowhere.pth', r'No such checkpoint: nowhere\.pth'),
        ('torchvision://resnet19', r"no weights named 'resnet19'"),
        ('s3://bucket/resnet18.pth', r's3://bucket/resnet18\.pth is not read'),
    ],
)
def test_a_source_that_is_none(source, message):
    with pytest.raises(CheckpointError, match=message):
        initialised(source)


def test_without_a_network_there_are_two_ways_out(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise URLError('Temporary failure in name resolution')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    with pytest.raises(CheckpointError, match=r'name resolution.*\n.*=FILE.*=None') as caught:
        initialised('torchvision://resnet18')
    assert 'torchvision://resnet18' in str(caught.value)


def test_a_download_is_kept_and_checked(tmp_path, monkeypatch, weights):
    fetched = []

    def fetch(url, path, checksum, progress):
        fetched.append((url.rsplit('/', 1)[-1], checksum))
        with open(path, 'wb') as file:
            file.write(weights().read_bytes())

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    first = initialised('torchvision://resnet18').backbone.conv1.weight
    assert torch.equal(first, initialised('torchvision://resnet18').backbone.conv1.weight)
    assert fetched == [('resnet18-f37072fd.pth', 'f37072fd')]


def test_a_checkpoint_needs_no_pretrained_weights(tmp_path):
    model = MODELS.build(load_config(CONFIGS / 'prx_levir.py').model)
    torch.save(model.state_dict(), tmp_path / 'trained.pth')
    loaded = init_model(CONFIGS / 'prx_levir.py', tmp_path / 'trained.pth')
    assert torch.equal(loaded.backbone.conv1.weight, model.backbone.conv1.weight)


def test_dropping_leaves_other_initialisation_alone():
    cfg = Config(
        dict(
            a=dict(init_cfg=dict(type='Pretrained', checkpoint='f.pth')),
            b=[dict(init_cfg=dict(type='Pretrained', checkpoint=None)), 1],
            c=dict(init_cfg=dict(type='Normal', std=0.1)),
        )
    )
    drop_pretrained(cfg._cfg_dict, only_unset=True)
    assert [list(cfg.a), list(cfg.b[0]), list(cfg.c)] == [['init_cfg'], [], ['init_cfg']]
    drop_pretrained(cfg._cfg_dict)
    assert [list(cfg.a), list(cfg.c)] == [[], ['init_cfg']]


SWIN = dict(
    type='mmseg.SwinTransformer',
    embed_dims=8,
    depths=(1, 1),
    num_heads=(1, 2),
    strides=(4, 2),
    out_indices=(0, 1),
)
VIT = dict(
    type='mmseg.VisionTransformer',
    img_size=32,
    patch_size=8,
    embed_dims=8,
    num_layers=1,
    num_heads=1,
    out_indices=(0,),
)
BEIT = {**VIT, 'type': 'mmseg.BEiT', 'qv_bias': False}
# The encoder, the same for other sizes, and the tables that these make differ.
TRANSFORMERS = [
    (SWIN, dict(window_size=4), 'relative_position_bias_table'),
    (VIT, dict(img_size=48), 'pos_embed'),
    (VIT, dict(img_size=(32, 128)), 'pos_embed'),
    (BEIT, dict(img_size=48), 'relative_position_bias_table'),
]


def transformer(encoder, path, bands=('red', 'green', 'blue'), **init_cfg):
    """A model with one of MMSegmentation's transformers, whose weights are those of a file."""
    config = dict(encoder, init_cfg=dict(type='Pretrained', checkpoint=str(path), **init_cfg))
    last = 16 if encoder['type'] == SWIN['type'] else 8
    head = dict(type='mmseg.FCNHead', in_channels=2 * last, in_index=-1, channels=8, num_classes=2)
    model = MODELS.build(
        dict(
            type='SiameseEncoderDecoder',
            backbone=config,
            decode_head=head,
            image=dict(bands=list(bands), dtype='uint16'),
            test_cfg=dict(mode='whole'),
        )
    )
    model.init_weights()
    return model


def file_of(encoder, path, prefix=''):
    torch.manual_seed(3)
    state_dict = {n: torch.rand(v.shape) for n, v in MODELS.build(encoder).state_dict().items()}
    torch.save({f'{prefix}{name}': value for name, value in state_dict.items()}, path)
    return state_dict


@pytest.mark.parametrize(('encoder', 'other', 'table'), TRANSFORMERS)
def test_transformers_that_read_files_themselves(tmp_path, encoder, other, table):
    file = file_of(encoder, tmp_path / 'w.pth', prefix='encoder.')
    model = transformer(encoder, tmp_path / 'w.pth', prefix='encoder.')
    ours = model.backbone.state_dict()
    assert all(
        torch.equal(ours[n], value) for n, value in file.items() if 'position_index' not in n
    )
    assert model.backbone.init_cfg['type'] == 'Pretrained'

    four = transformer(
        encoder, tmp_path / 'w.pth', ('red', 'green', 'blue', 'nir'), prefix='encoder'
    )
    stem = four.backbone.state_dict()['patch_embed.projection.weight']
    expected = file['patch_embed.projection.weight'] * 3 / 4
    torch.testing.assert_close(stem[:, :3], expected)
    torch.testing.assert_close(stem[:, 3], expected.mean(1))

    larger = transformer({**encoder, **other}, tmp_path / 'w.pth', prefix='encoder.')
    tables = {n: v for n, v in larger.backbone.state_dict().items() if n.endswith(table)}
    assert tables and all(v.shape != file[n].shape for n, v in tables.items())
    assert all(0.2 < float(v.mean()) < 0.8 for v in tables.values())  # those of the file, resized
    with pytest.raises(
        CheckpointError, match=r'are not in the file .*`prefix` beside `checkpoint`'
    ):
        transformer(encoder, tmp_path / 'w.pth')


def test_positions_of_another_shape_keep_their_places(tmp_path):
    """4 x 4 places to 4 x 16, whose number is that of 8 x 8."""
    file = file_of(VIT, tmp_path / 'w.pth')['pos_embed']
    model = transformer({**VIT, 'img_size': (32, 128)}, tmp_path / 'w.pth')
    wide = model.backbone.state_dict()['pos_embed'][0, 1:].reshape(4, 16, 8)
    small = file[0, 1:].reshape(4, 4, 8)
    # Along the rows, which are as many as before, means stay about as they are.
    torch.testing.assert_close(wide.mean(1), small.mean(1), atol=0.1, rtol=0)


def test_mae_without_tables_begins_with_zeros(tmp_path):
    mae = {**VIT, 'type': 'mmseg.MAE'}
    file = file_of(mae, tmp_path / 'all.pth')
    kept = {name: value for name, value in file.items() if 'relative_position' not in name}
    torch.save(kept, tmp_path / 'w.pth')
    ours = transformer(mae, tmp_path / 'w.pth').backbone.state_dict()
    assert torch.equal(ours['patch_embed.projection.weight'], file['patch_embed.projection.weight'])
    tables = [value for name, value in ours.items() if name.endswith('bias_table')]
    assert tables and not any(table.any() for table in tables)


def test_initialised_once(tmp_path):
    file_of(SWIN, tmp_path / 'w.pth')
    model = transformer(SWIN, tmp_path / 'w.pth')
    stem = model.backbone.patch_embed.projection.weight
    stem.data.fill_(7)
    model.init_weights()  # as each `train` of a runner does
    assert (stem == 7).all()


def test_dropping_also_takes_what_encoders_fetch_by_themselves():
    """TIMMBackbone does unless it is told not to; segmentors hand `pretrained` to the encoder."""
    model = dict(
        type='SiameseEncoderDecoder',
        pretrained='torchvision://resnet18',
        backbone=dict(type='mmseg.TIMMBackbone', model_name='resnet18'),
    )
    drop_pretrained(model, only_unset=True)
    assert model['pretrained'] == 'torchvision://resnet18' and 'pretrained' not in model['backbone']
    drop_pretrained(model)
    assert model['pretrained'] is None and model['backbone']['pretrained'] is None
