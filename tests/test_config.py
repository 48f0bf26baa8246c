from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmcd.config import list_configs, load_config
from mmcd.datasets import LEVIRCDDataset
from mmcd.errors import ConfigError
from mmcd.structures import ImageSpec

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEVIR = CONFIGS / 'darnet_levir.py'


def every_root(node: object) -> list[object]:
    """The values of ``data_root`` at any depth."""
    found: list[object] = []
    if isinstance(node, dict):
        for key, value in node.items():
            found += [value] if key == 'data_root' else every_root(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            found += every_root(value)
    return found


def test_data_root_reaches_all_data_sets():
    config = load_config(LEVIR, {'data_root': '/x'})
    assert set(every_root(config._cfg_dict)) == {'/x'}
    for split in ('train', 'val', 'test'):
        assert config[f'{split}_dataloader'].dataset.data_root == '/x'


def test_data_root_reaches_nested_data_sets_and_only_those(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(
        "data_root = 'a'\n"
        "other = dict(root='a', path='a', data_root='elsewhere')\n"
        "train = dict(dataset=dict(datasets=[dict(data_root='a'), dict(data_root='b')]))\n"
        "pipeline = (dict(data_root='a', names=['a']),)\n"
    )
    config = load_config(path, {'data_root': 'new'})
    assert config.data_root == 'new'
    assert config.other == dict(root='a', path='a', data_root='elsewhere')
    assert [d.data_root for d in config.train.dataset.datasets] == ['new', 'b']
    assert config.pipeline[0] == dict(data_root='new', names=['a'])


def test_one_data_set_s_own_root():
    options = {'data_root': '/x', 'test_dataloader.dataset.data_root': '/y'}
    config = load_config(LEVIR, options)
    assert config.test_dataloader.dataset.data_root == '/y'
    assert config.val_dataloader.dataset.data_root == '/x'


def test_without_options_nothing_changes():
    """But that the model learns of its data set's classes, and both of the images."""
    config, plain = load_config(LEVIR), Config.fromfile(str(LEVIR))
    assert load_config(LEVIR, {})._cfg_dict == config._cfg_dict
    image = ImageSpec.from_config(plain.image).to_dict()
    plain.model.update(classes=LEVIRCDDataset.METAINFO, image=image)
    for split in ('train', 'val', 'test'):
        plain[f'{split}_dataloader'].dataset.image = image
    assert config._cfg_dict == plain._cfg_dict


def test_settings_are_merged():
    config = load_config(LEVIR, {'train_cfg.max_iters': 4, 'custom_hooks.1.num_batches': 7})
    assert config.train_cfg.max_iters == 4
    assert config.train_cfg.type == 'IterBasedTrainLoop'
    assert config.custom_hooks[1] == dict(type='EmptyLabelWarningHook', num_batches=7)


def test_a_config_given_is_copied():
    given = load_config(LEVIR)
    merged = load_config(given, {'data_root': '/x', 'model.backbone.base_channels': 4})
    assert merged.model.backbone.base_channels == 4
    assert given.data_root == 'data/LEVIR-CD' and given.model.backbone.base_channels == 32


@pytest.mark.parametrize(
    ('typo', 'meant'),
    [
        ('darnet_lever.py', 'darnet_levir.py'),
        ('darnet_levir', 'darnet_levir.py'),
        ('darnet_sys.py', 'darnet_sysu.py'),
    ],
)
def test_a_misspelt_path_offers_near_names(typo, meant):
    with pytest.raises(ConfigError, match=r'No such config file: .*Did you mean .*') as caught:
        load_config(CONFIGS / typo)
    assert str(CONFIGS / meant) in str(caught.value)
    assert str(Path.cwd()) in str(caught.value)


@pytest.mark.parametrize('name', ['best.pth', 'model.onnx', 'buildings.safetensors'])
def test_a_model_file_in_the_place_of_the_config(tmp_path, name):
    (tmp_path / name).write_bytes(b'weights')
    with pytest.raises(ConfigError, match='is a model file, where a config is expected: the con'):
        load_config(tmp_path / name)


def test_a_path_of_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"mmcd's own lie in .*configs; mmcd\.apis\.list_configs"):
        load_config('nowhere/darnet_levir.py')
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'darnet_levir.py').touch()
    with pytest.raises(ConfigError, match=r'Did you mean configs/darnet_levir\.py\?'):
        load_config('config/darnet_levir.py')


@pytest.mark.parametrize('name', ['darnet_levir', 'darnet_levir.py'])
def test_own_configs_by_name_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config(name).filename == str(CONFIGS / 'darnet_levir.py')
    (tmp_path / name).write_text('a = 1\n')  # a file of the user's comes first
    if name.endswith('.py'):
        assert load_config(name).a == 1


def test_every_own_config_is_listed():
    names = list_configs()
    assert names == sorted(path.stem for path in CONFIGS.glob('*.py'))
    assert {'darnet_levir', 'prx_levir_cross'} <= set(names)


def test_a_misspelt_name_offers_near_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r'Did you mean darnet_levir( or|\?)'):
        load_config('darnet_levr')
    # No path into the configs: a path stands for the file that it names.
    with pytest.raises(ConfigError, match='No such config file'):
        load_config('configs/darnet_levir')


@pytest.mark.parametrize('text', ["_base_ = 'nowhere.py'\n", 'a = (\n', 'a = 1 / 0\n'])
def test_a_config_that_cannot_be_read(tmp_path, text):
    path = tmp_path / 'broken.py'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r'Cannot read the config .*broken\.py: \S'):
        load_config(path)


@pytest.mark.parametrize(
    'options',
    [
        {'custom_hooks.first.num_batches': 7},
        {'custom_hooks.99.num_batches': 7},
        {'data_root.train': 'x'},
    ],
)
def test_a_setting_that_cannot_be_merged(options):
    with pytest.raises(ConfigError, match=r'Cannot merge the settings .*Keys are dotted paths'):
        load_config(LEVIR, options)


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('data_rot', 'data_root'),
        ('train_cfg.max_itres', r'train_cfg\.max_iters'),
        ('train_dataloader.dataset.data_rooot', r'train_dataloader\.dataset\.data_root'),
        ('param_scheduler.0.step_sise', r'param_scheduler\.0\.step_size'),
    ],
)
def test_a_misspelt_setting_offers_the_right_one(key, meant):
    with pytest.raises(ConfigError, match=rf'(no|the) setting .* Did you mean {meant}\?'):
        load_config(LEVIR, {key: 1})


@pytest.mark.parametrize(
    'key', ['optim_wrapper.dtype', 'work_dir', 'load_from', 'custom_hooks.0.new', 'compile']
)
def test_new_settings_are_allowed(key):
    assert load_config(LEVIR, {key: 'x'})


def test_only_the_misspelt_part_is_replaced():
    """Not the same letters in a part before it; names need not be words."""
    config = Config({'model': {'model_step': 1, '': 2}})
    with pytest.raises(ConfigError, match=r'Did you mean model\.model_step\?'):
        load_config(config, {'model.model_ste': 1})


def test_a_pretrained_encoder_where_there_is_none():
    with pytest.raises(
        ConfigError, match=r"Nothing reads pretrained='a\.pth'.*give load_from=FILE"
    ):
        load_config(LEVIR, {'pretrained': 'a.pth'})
    load_config(LEVIR, {'pretrained': None})


@pytest.mark.parametrize('config', ['buildings_darnet', 'buildings_synthetic'])
def test_a_folder_that_no_part_reads(config, tmp_path):
    with pytest.raises(ConfigError, match=r'Nothing reads data_root=.*train_dataloader\.data'):
        load_config(config, {'data_root': str(tmp_path)})


def test_from_scratch_without_the_variable(tmp_path):
    path = tmp_path / 'mine.py'
    init_cfg = "dict(type='Pretrained', checkpoint='x.pth')"
    path.write_text(f"model = dict(backbone=dict(type='mmpretrain.ResNet', init_cfg={init_cfg}))\n")
    assert 'init_cfg' in load_config(path).model.backbone
    assert 'init_cfg' not in load_config(path, {'pretrained': None}).model.backbone
