import pytest

from mmcd.config import list_configs, load_config
from mmcd.errors import CheckpointError, ConfigError
from mmcd.inference.portable_config import checkpoint_facts, config_of_checkpoint, portable_config

CONFIG = 'darnet_sample'


def noted(**changes):
    """A checkpoint's meta whose config has other entries, by dotted key."""
    config = portable_config(load_config(CONFIG))
    for path, value in changes.items():
        *parts, last = path.split('__')
        node = config
        for part in parts:
            node = node[int(part)] if part.isdigit() else node[part]
        node[last] = value
    return dict(mmcd=dict(config=config))


@pytest.mark.parametrize('name', list_configs())
def test_every_config_comes_back(name):
    """From what mmcd notes."""
    config = load_config(name)
    own = config_of_checkpoint(dict(mmcd=checkpoint_facts(config)), 'x.pth')
    again = load_config(own)
    assert again.get('image') == config.get('image')
    assert again.model.type == config.model.type
    assert not [key for key in again.model.backbone if key in ('init_cfg', 'pretrained')]


@pytest.mark.parametrize(
    'name',
    [
        *('darnet_levir', 'darnet_sample_rgbn', 'buildings_darnet', 'buildings_synthetic'),
        *('prx_levir_cross', 'fc_ef_sample', 'fc_siam_diff_oscd', 'segformer_b0_sample'),
        *('upernet_mobilenet_v2_sztaki_szada_quick', 'prx_mobilenet_v2_oscd_quick'),
    ],
)
def test_the_text_that_mmengine_writes_gives_the_same(name):
    """Of a network and a data set each: yapf takes its time for them."""
    config = load_config(name)
    own = config_of_checkpoint(dict(mmcd=checkpoint_facts(config)), 'x.pth')
    text = config_of_checkpoint(dict(cfg=config.pretty_text), 'x.pth')
    assert own._cfg_dict.to_dict() == text._cfg_dict.to_dict()


def test_classes_are_those_of_the_data_set():
    meta = noted() | dict(dataset_meta=dict(classes=('unchanged', 'built', 'felled')))
    config = load_config(config_of_checkpoint(meta, 'x.pth'))
    assert tuple(config.model.classes.classes) == ('unchanged', 'built', 'felled')


@pytest.mark.parametrize(
    'kind',
    [
        'os.system',
        'builtins.exec',
        'torch.nn.Linear',
        'mmseg.apis.init_model',
        'mmdet.ResNet',
        'mmengine.hub.get_model',
        'subprocess.Popen',
        'NoSuchHead',
        ['os.system'],
        None,
    ],
)
def test_types_that_no_registry_holds_are_refused(kind):
    """MMEngine's registries would import whatever a dotted name names."""
    with pytest.raises(CheckpointError, match=r'x\.pth cannot be opened by itself: it names the'):
        config_of_checkpoint(noted(model__decode_head__type=kind), 'x.pth')
    with pytest.raises(CheckpointError, match='it names the type'):
        config_of_checkpoint(noted(model__decode_head__loss_decode__0__type=kind), 'x.pth')
    with pytest.raises(CheckpointError, match='it names the type'):
        config_of_checkpoint(noted(pipeline__0__type=kind), 'x.pth')


@pytest.mark.parametrize('kind', ['mmseg.TIMMBackbone', 'mmpretrain.TIMMBackbone'])
def test_types_that_fetch_weights_are_refused(kind):
    with pytest.raises(CheckpointError, match='which fetches or reads files when built'):
        config_of_checkpoint(noted(model__backbone__type=kind), 'x.pth')


def test_addresses_of_weights_are_left_out():
    start = dict(type='Pretrained', checkpoint='http://127.0.0.1:9/evil.pth')
    meta = noted(model__backbone__init_cfg=start, model__pretrained='/etc/passwd')
    assert 'evil' not in str(config_of_checkpoint(meta, 'x.pth'))
    assert 'passwd' not in str(config_of_checkpoint(meta, 'x.pth'))


@pytest.mark.parametrize(
    ('meta', 'reason'),
    [
        ({}, 'it holds no config, only weights'),
        (dict(cfg="import os\nmodel = dict(type='A')"), 'other than plain values in line 1'),
        (dict(cfg='data_root = 1'), 'lacks a model or a pipeline'),
        (dict(mmcd=dict(config=dict(model={}))), 'lacks a model or a pipeline'),
        (dict(mmcd=dict(config=7)), 'lacks a model or a pipeline'),
        (noted(model__backbone=print), '`model.backbone` is a builtin_function'),
    ],
)
def test_what_cannot_be_opened_says_why(meta, reason):
    with pytest.raises(CheckpointError, match=reason) as caught:
        config_of_checkpoint(meta, 'x.pth')
    assert 'Name its config as well' in str(caught.value)


def test_nesting_without_end_is_refused():
    node: dict = {}
    node['a'] = node
    with pytest.raises(CheckpointError, match='nested more than 40 deep'):
        config_of_checkpoint(noted(model__backbone=node), 'x.pth')


def test_a_config_with_classes_in_it_is_not_noted():
    config = load_config(CONFIG)
    config.model.backbone.type = dict  # as pure-Python configs have types
    with pytest.raises(ConfigError, match=r'`model.backbone.type` is a type, not a plain'):
        portable_config(config)
    config = load_config(CONFIG)
    config.model.backbone.act = dict
    assert 'config' not in checkpoint_facts(config)
