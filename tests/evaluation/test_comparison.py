from __future__ import annotations

import copy

import numpy as np
import pytest

from mmcd.errors import ResultError
from mmcd.evaluation.bootstrap import Bootstrap
from mmcd.evaluation.comparison import Method, paired_difference, protocol_differences
from mmcd.evaluation.record import make_record
from mmcd.structures import BINARY_CHANGE
from tests.evaluation.counted_images import counted_image, random_images

QUICK = Bootstrap(resamples=999)


def method(name: str, *gains: int, number: int = 30, **protocol) -> Method:
    """Results whose images find so many more changed pixels each."""
    records = []
    for gain in gains:
        images = []
        for image in random_images(number):
            confusion = image.confusion.copy()
            moved = min(gain, int(confusion[1, 0]))
            confusion[1] += [-moved, moved]
            images.append(counted_image(image.name, confusion))
        records.append(
            make_record(images, BINARY_CHANGE, protocol, bootstrap=Bootstrap(resamples=9))
        )
    return Method(name, tuple(records))


def test_a_small_gain_on_every_image_is_more_than_chance() -> None:
    """Each image's F1 varies by far more than the gain: only pairing tells."""
    first, second = method('a', 0), method('b', 4)
    found = paired_difference(first, second, bootstrap=QUICK)
    gap = second.records[0]['metrics']['f1'] - first.records[0]['metrics']['f1']
    low, high = first.records[0]['intervals']['f1']
    assert found.value == pytest.approx(gap) and gap < (high - low) / 4
    assert 0 < found.low < found.value < found.high and found.p < 0.01
    assert (found.images, found.units) == (30, 30)
    turned = paired_difference(second, first, bootstrap=QUICK)
    assert turned.value == -found.value and turned.high < 0


@pytest.mark.parametrize(
    ('number', 'said'), [(4, 'p = 0.125: 4 images are too few'), (12, 'p < 0')]
)
def test_few_images_are_too_few_to_tell(number: int, said: str) -> None:
    """Though every one of them is better."""
    found = paired_difference(method('a', 0, number=number), method('b', 4, number=number))
    assert found.low > 0 and found.verdict.startswith(said)


def test_the_same_result_does_not_differ() -> None:
    found = paired_difference(method('a', 3), method('b', 3), bootstrap=QUICK)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_gains_that_cancel_may_be_chance() -> None:
    first = method('a', 0)
    second = copy.deepcopy(first)
    for number, image in enumerate(second.records[0]['images']):
        moved = min(20, *image['confusion'][1]) * (1 if number % 2 else -1)
        image['confusion'][1][0] -= moved
        image['confusion'][1][1] += moved
    found = paired_difference(first, second, bootstrap=QUICK)
    assert found.low < 0 < found.high and found.p > 0.05


def test_seeds_are_averaged() -> None:
    first, second = method('a', 0, 2), method('b', 8, 10)
    found = paired_difference(first, second, 'recall', QUICK)
    expected = second.figures('recall').mean() - first.figures('recall').mean()
    assert found.value == pytest.approx(expected) and found.low > 0


def test_only_common_images_are_compared_and_only_on_the_same_labels() -> None:
    first, second = method('a', 0), method('b', 4, number=20)
    assert paired_difference(first, second, bootstrap=QUICK).images == 20
    second.records[0]['images'][3]['label_sha256'] = 'other'
    with pytest.raises(ResultError, match=r'image test_\d+ was scored against different labels'):
        paired_difference(first, second)
    with pytest.raises(ResultError, match=r"'size' cannot be compared; .*kappa"):
        paired_difference(first, first, 'size', QUICK)
    for image in second.records[0]['images']:
        image['name'] = f'x{image["name"]}'
    with pytest.raises(ResultError, match=r'a and b have 0 \(source\) images in common'):
        paired_difference(first, second)


def test_what_differs_in_the_protocols_is_said() -> None:
    methods = [
        method('a', 0, split='test', tta=None, device='cpu'),
        method('b', 0, split='test', tta='d4', device='cuda'),
    ]
    unfair, noted = protocol_differences(methods)
    assert unfair == ['tta differs: None (a); d4 (b)']
    assert noted == ['device differs: cpu (a); cuda (b)']
    assert protocol_differences(methods[:1]) == ([], [])
    other = method('c', 0, number=3, split='test', tta=None)
    assert 'labels_sha256 differs' in protocol_differences([methods[0], other])[0][0]


def test_a_figure_that_is_not_there() -> None:
    with pytest.raises(ResultError, match="A result of a has no figure 'object_f1'"):
        method('a', 0).figures('object_f1')
    assert np.shape(method('a', 0, 1).figures('f1')) == (2,)
