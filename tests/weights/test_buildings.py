"""The network that comes with mmcd."""

from __future__ import annotations

import numpy as np
import pytest

from mmcd.apis import init_model, predict_pair
from mmcd.io.checkpoints import hash_weights
from mmcd.io.safetensors_file import read_safetensors
from mmcd.models.model_description import image_of, threshold_of
from mmcd.synthetic import find_style
from mmcd.synthetic.folder import pair_seed
from mmcd.weights import shipped_weights

LARGEST = 12_000_000  # bytes
PAIRS = 10
F1 = dict(sample=93.7, estates=87.0)  # on those made-up test pairs of each style, in percent


@pytest.fixture(scope='module')
def model():
    return init_model('buildings')


def test_the_file_is_small_and_says_what_it_is(model) -> None:
    path = shipped_weights('buildings')
    assert path is not None
    assert path.stat().st_size < LARGEST
    content = read_safetensors(path)
    noted = content['meta']['mmcd']
    assert noted['weights_sha256'] == hash_weights(content['state_dict'])
    assert noted['licence'] == 'Apache-2.0'
    assert noted['classes'] == ['unchanged', 'changed']
    assert image_of(model).metres_per_pixel == 0.5
    assert threshold_of(model) == 0.65
    assert len(noted['statistics']['mean']) == 3  # by which scenes are checked and stretched


@pytest.mark.parametrize('style', F1)
def test_it_finds_what_it_found_when_it_was_published(model, style: str) -> None:
    """Another file, another preprocessing or another threshold would not."""
    draw = find_style(style)
    hits = misses = alarms = 0
    for number in range(PAIRS):
        pair = draw(pair_seed(77, 'test', number), 256)
        found, changed = predict_pair(model, pair.before, pair.after).mask > 0, pair.label > 0
        hits += np.count_nonzero(found & changed)
        misses += np.count_nonzero(~found & changed)
        alarms += np.count_nonzero(found & ~changed)
    assert 200 * hits / (2 * hits + misses + alarms) == pytest.approx(F1[style], abs=2)


def test_the_same_image_twice_is_unchanged(model) -> None:
    pair = find_style('sample')(pair_seed(77, 'test', 0), 256)
    assert predict_pair(model, pair.after, pair.after).mask.mean() < 0.02
