"""A trained network as one safetensors file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model
from mmcd.conversion.publishing import average_weights, publish
from mmcd.engine.threshold_tuning import write_threshold
from mmcd.errors import CheckpointError, ConfigError
from mmcd.io.checkpoint_meta import note
from mmcd.io.checkpoints import hash_weights, read_checkpoint
from mmcd.io.safetensors_file import read_safetensors
from mmcd.models.model_description import (
    image_of,
    threshold_of,
    threshold_origin_of,
    threshold_tuning_of,
)

CONFIG = 'buildings_synthetic'
TUNED = dict(value=0.8, metric='change/f1', split='val', precision='float32')


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
    with pytest.raises(CheckpointError, match=r'other\.pth does not fit the model Siamese'):
        publish(CONFIG, [checkpoints[0], tmp_path / 'other.pth'], tmp_path / 'net.safetensors')
    with pytest.raises(CheckpointError, match='no checkpoints to average'):
        publish(CONFIG, [], tmp_path / 'net.safetensors')
    with pytest.raises(CheckpointError, match='Checkpoint 1 is of another network'):
        average_weights([{'w': torch.ones(1)}, {'w': torch.ones(2)}])


def test_a_checkpoint_of_another_config_is_refused(checkpoints: list[Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'iter_0\.pth does not fit the model .*another conf'):
        publish('darnet_sample', checkpoints[:1], tmp_path / 'net.safetensors')
    content = read_checkpoint(checkpoints[0])
    note(content, image=dict(bands=['nir', 'red', 'green'], dtype='uint16'))
    torch.save(content, tmp_path / 'infrared.pth')
    with pytest.raises(CheckpointError, match=r"trained on images with bands=\('nir', 'red', 'gr"):
        publish(CONFIG, [tmp_path / 'infrared.pth'], tmp_path / 'net.safetensors')
    assert [path.name for path in tmp_path.iterdir()] == ['infrared.pth']


@pytest.fixture
def tuned(checkpoints: list[Path], tmp_path: Path) -> Path:
    write_threshold(checkpoints[0], TUNED, tmp_path / 'tuned.pth')
    return tmp_path / 'tuned.pth'


def test_a_tuned_threshold_is_kept(tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / 'net.safetensors'
    publish(CONFIG, [tuned], out)
    for model in (init_model(out), init_model(CONFIG, out)):
        assert threshold_of(model) == 0.8
        assert threshold_tuning_of(model) == TUNED
    publish(CONFIG, [tuned], out, threshold=0.3)
    for model in (init_model(out), init_model(CONFIG, out)):
        assert threshold_of(model) == 0.3
        assert threshold_tuning_of(model) is None


def test_a_threshold_of_the_config_in_the_checkpoint_is_kept(
    checkpoints: list[Path], tmp_path: Path
) -> None:
    content = read_checkpoint(checkpoints[0])
    note(content, config=dict(model=dict(threshold=0.65)))
    torch.save(content, tmp_path / 'trained.pth')
    publish(CONFIG, [tmp_path / 'trained.pth'], tmp_path / 'net.safetensors')
    model = init_model(tmp_path / 'net.safetensors')
    assert (threshold_of(model), threshold_origin_of(model)) == (0.65, 'model')


def test_a_tuned_threshold_is_not_that_of_a_mean(
    checkpoints: list[Path], tuned: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'net.safetensors'
    expected = r'tuned\.pth brings the threshold 0\.8, which was tuned .* not for the mean of 2'
    with pytest.raises(CheckpointError, match=expected):
        publish(CONFIG, [tuned, checkpoints[1]], out)
    assert not out.exists()
    publish(CONFIG, [tuned, checkpoints[1]], out, threshold=0.4)
    assert threshold_of(init_model(out)) == 0.4


def test_a_flipped_bit_is_noticed(checkpoints: list[Path], tmp_path: Path) -> None:
    out = tmp_path / 'net.safetensors'
    publish(CONFIG, checkpoints, out)
    content = read_checkpoint(out)
    assert content['meta']['mmcd']['weights_sha256'] == hash_weights(content['state_dict'])
    damaged = bytearray(out.read_bytes())
    damaged[-1000] ^= 1
    out.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r'net\.safetensors is damaged: its weights are not'):
        read_checkpoint(out)


def test_ending_and_threshold_are_checked(checkpoints: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'ends in \.safetensors; got .*net\.pth'):
        publish(CONFIG, checkpoints, tmp_path / 'net.pth')
    with pytest.raises(ConfigError, match=r'between 0 and 1; got 1\.5'):
        publish(CONFIG, checkpoints, tmp_path / 'net.safetensors', threshold=1.5)
    assert not list(tmp_path.iterdir())
