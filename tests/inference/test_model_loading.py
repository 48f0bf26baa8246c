"""Models that bring their config along."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mmcd import weights
from mmcd.apis import init_model, predict_pair
from mmcd.cli.commands.export import main as export_main
from mmcd.cli.commands.map import main as map_main
from mmcd.config import load_config
from mmcd.errors import CheckpointError, ConfigError
from mmcd.inference import make_predictor
from mmcd.inference.model_loading import require_weights
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.checkpoint_meta import stated_threshold
from tests.engine.tiny_run import run_training, tiny_config
from tests.inference.random_models import random_model

CONFIG = 'darnet_sample'
SLIM = {
    'model.backbone.base_channels': 2,
    'model.decode_head.in_channels': [4, 8, 16, 32, 64],
    'model.decode_head.channels': 4,
}
PAIR = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)


@pytest.fixture
def checkpoint(tmp_path):
    config = load_config(CONFIG, SLIM)
    model = random_model('darnet_sample.py', **SLIM)
    path = tmp_path / 'slim.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(mmcd=checkpoint_facts(config))), path)
    return path


def test_a_checkpoint_needs_no_config(checkpoint):
    alone = predict_pair(init_model(checkpoint), *PAIR)
    named = predict_pair(init_model(CONFIG, checkpoint, cfg_options=SLIM), *PAIR)
    assert np.array_equal(alone.probability, named.probability)


def test_settings_still_replace_the_config_of_a_checkpoint(checkpoint):
    model = init_model(str(checkpoint), cfg_options={'model.threshold': 0.2})
    assert model.threshold == 0.2


def test_weights_alone_are_told_to_name_a_config(checkpoint):
    content = torch.load(checkpoint)
    torch.save(content['state_dict'], checkpoint)
    with pytest.raises(CheckpointError, match='holds no config, only weights'):
        init_model(checkpoint)


def test_a_network_of_ours_that_is_not_there(monkeypatch):
    monkeypatch.setattr(weights, 'shipped_weights', lambda name: None)
    with pytest.raises(CheckpointError, match="holds no weights of the network 'buildings'"):
        init_model('buildings')


def test_random_weights_are_told():
    with pytest.warns(UserWarning, match=r'darnet_sample\.py has random weights'):
        init_model(CONFIG)


@pytest.mark.parametrize('name', ['building', 'Buildings'])
def test_a_misspelt_network_of_ours(name):
    with pytest.raises(ConfigError, match=rf'No such model .*: {name}\. Did you mean buildings'):
        init_model(name)


def test_a_network_of_ours_beside_a_config():
    model = init_model(CONFIG, 'buildings')
    assert make_predictor(model).threshold == make_predictor(init_model('buildings')).threshold


def test_a_network_of_ours_by_its_name(checkpoint, monkeypatch):
    monkeypatch.setattr(weights, 'shipped_weights', lambda name: checkpoint)
    assert init_model('buildings').cfg.model.type == 'SiameseEncoderDecoder'


@pytest.mark.parametrize('model', ['buildings', 'some/where.pth', 'model.onnx'])
def test_what_holds_weights_may_stand_alone(model: str) -> None:
    require_weights(model)


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        (CONFIG, 'darnet_sample is a config, .* no weights.* at random.*CONFIG CHECKPOINT'),
        ('configs/darnet_levir.py', r'darnet_levir\.py is a config, which holds no weights'),
        ('building', r'building is no model\..*\.pth.*Did you mean buildings\?'),
        ('picture.png', r'picture\.png is no model\..*comes with mmcd \(buildings\)\.$'),
    ],
)
def test_what_holds_none_is_refused_where_it_stands_alone(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        require_weights(model)


@pytest.mark.parametrize('door', ['map', 'export'])
def test_no_tool_answers_at_random(door: str, tmp_path: Path) -> None:
    out = tmp_path / ('o.tif' if door == 'map' else 'o.onnx')
    words = ['a.tif', 'b.tif', '--out', str(out), '--model', CONFIG]
    with pytest.raises(ConfigError, match='holds no weights'):
        map_main(words) if door == 'map' else export_main([CONFIG, str(out)])
    assert not out.exists()


def test_the_threshold_of_the_config_that_a_checkpoint_brings_holds_for_other_configs(checkpoint):
    content = torch.load(checkpoint)
    content['meta']['mmcd']['config']['model']['threshold'] = 0.65
    torch.save(content, checkpoint)
    alone = make_predictor(init_model(checkpoint))
    assert (alone.threshold, alone.threshold_origin) == (0.65, 'model')
    named = make_predictor(init_model(CONFIG, checkpoint, cfg_options=SLIM))
    assert (named.threshold, named.threshold_origin) == (0.65, 'checkpoint')
    options = {**SLIM, 'model.threshold': 0.4}
    stated = make_predictor(init_model(CONFIG, checkpoint, cfg_options=options))
    assert (stated.threshold, stated.threshold_origin) == (0.4, 'model')


@pytest.mark.parametrize('threshold', [True, 1.5, 'high', None])
def test_a_threshold_that_is_none_is_not_brought(checkpoint, threshold):
    content = torch.load(checkpoint)
    content['meta']['mmcd']['config']['model']['threshold'] = threshold
    assert stated_threshold(content['meta']) is None


def test_training_writes_checkpoints_that_need_no_config(tiny_levir, tmp_path):
    run_training(tiny_config(tiny_levir, tmp_path / 'work', iterations=1))
    model = init_model(tmp_path / 'work' / 'iter_1.pth')
    noted = torch.load(tmp_path / 'work' / 'iter_1.pth')['meta']['mmcd']
    assert noted['classes'] == ['unchanged', 'changed']
    assert str(tmp_path) not in str(noted)
    assert predict_pair(model, *PAIR).mask.shape == (40, 56)


@pytest.mark.parametrize('device', ['meta', 'mps', 'cuda:99', 'nonsense', 'cpu:x'])
def test_a_device_that_cannot_be_used(device: str) -> None:
    with pytest.raises(ConfigError, match=f'The device {device} '):
        init_model('fc_ef_sample', device=device)


@pytest.mark.parametrize(
    'options',
    [
        {'model': 1},
        {'model': None},
        {'model.type': 'Foo'},
        {'model.foo': 1},
        {'model.backbone.base_channels': -1},
        {'model.backbone.base_channels': 'abc'},
        {'model.backbone.foo': 1},
        {'model.decode_head': 3},
    ],
)
def test_a_model_that_cannot_be_built_is_one_message(options: dict) -> None:
    with pytest.raises(ConfigError):
        init_model('fc_ef_sample', cfg_options=options)


@pytest.mark.parametrize('text', ['', 'a = 1', 'model = 1', "model = dict(type='Foo')"])
def test_a_config_without_a_model_is_one_message(tmp_path: Path, text: str) -> None:
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(ConfigError):
        init_model(tmp_path / 'config.py')
