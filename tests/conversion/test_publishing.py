"""A trained network as one safetensors file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model
from mmcd.conversion.publishing import average_weights, publish
from mmcd.errors import CheckpointError, ConfigError
from mmcd.io.safetensors_file import read_safetensors
from mmcd.models.model_description import image_of, threshold_of

CONFIG = 'buildings_synthetic'


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp('run')
    paths = [folder / f'iter_{number}.pth' for number in range(2)]
    for number, path in enumerate(paths):
        torch.manual_seed(number)
        model = init_model(CONFIG)
        torch.save({'state_dict': model.state_dict(), 'optimizer': {}}, path)
    return paths


def test_the_file_opens_by_itself(checkpoints: list[Path], tmp_path: Path) -> None:
    out = tmp_path / 'net.safetensors'
    publish(CONFIG, checkpoints[:1], out, threshold=0.3, facts=dict(licence='Apache-2.0'))
    model, known = init_model(out), init_model(CONFIG, checkpoints[0])
    inputs = torch.rand(1, 6, 64, 64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(
            model(inputs, mode='tensor'), known(inputs, mode='tensor'), rtol=0, atol=0
        )
    assert threshold_of(model) == 0.3
    assert list(model.dataset_meta['classes']) == list(known.dataset_meta['classes'])
    assert image_of(model) == image_of(known)
    assert read_safetensors(out)['meta']['mmcd']['licence'] == 'Apache-2.0'


def test_weights_are_averaged_and_counters_kept() -> None:
    dicts = [
        {'w': torch.full((2,), float(n)), 'num_batches_tracked': torch.tensor(n)} for n in (1, 4)
    ]
    mean = average_weights(dicts)
    assert mean['w'].tolist() == [2.5, 2.5]
    assert mean['num_batches_tracked'] == 4


def test_other_networks_are_not_averaged(checkpoints: list[Path], tmp_path: Path) -> None:
    torch.save({'state_dict': {'w': torch.ones(1)}}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='Checkpoint 1 is of another network'):
        publish(CONFIG, [tmp_path / 'other.pth', checkpoints[0]], tmp_path / 'net.safetensors')
    with pytest.raises(CheckpointError, match='no checkpoints to average'):
        publish(CONFIG, [], tmp_path / 'net.safetensors')


def test_ending_and_threshold_are_checked(checkpoints: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'ends in \.safetensors; got .*net\.pth'):
        publish(CONFIG, checkpoints, tmp_path / 'net.pth')
    with pytest.raises(ConfigError, match=r'between 0 and 1; got 1\.5'):
        publish(CONFIG, checkpoints, tmp_path / 'net.safetensors', threshold=1.5)
    assert not list(tmp_path.iterdir())
