from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmcd.datasets import LabelEncoding
from mmcd.errors import ConfigError, LabelError
from mmcd.structures.change_classes import IGNORED

BINARY_255 = LabelEncoding(unchanged=0, changed=255)
BINARY_1 = LabelEncoding(unchanged=0, changed=1)
THRESHOLD = LabelEncoding(threshold=127)


def label(*values: int) -> np.ndarray:
    return np.array([values], np.uint8)


@pytest.mark.parametrize(
    ('encoding', 'values', 'classes'),
    [
        (BINARY_255, (0, 255, 0), (0, 1, 0)),
        (BINARY_1, (0, 1, 1), (0, 1, 1)),
        (LabelEncoding(unchanged=255, changed=0), (0, 255), (1, 0)),
        (LabelEncoding(unchanged=1, changed=2, ignored=0), (0, 1, 2), (255, 0, 1)),
        (LabelEncoding(unchanged=0, changed=1, ignored=255), (0, 1, 255), (0, 1, 255)),
        (THRESHOLD, (0, 1, 127, 128, 254, 255), (0, 0, 0, 1, 1, 1)),
        (LabelEncoding(threshold=0), (0, 1, 255), (0, 1, 1)),
        (LabelEncoding(threshold=100, ignored=255), (100, 101, 254, 255), (0, 1, 1, 255)),
    ],
)
def test_values_become_classes(encoding, values, classes):
    decoded = encoding.decode(label(*values), 'x.png')
    assert decoded.dtype == np.uint8
    assert decoded.tolist() == [list(classes)]


def test_every_value_but_the_encoding_s_own_is_an_error():
    for value in range(256):
        if value in (0, 255):
            continue
        with pytest.raises(LabelError, match=rf'Label a/b\.png: .* found .*\b{value} \(1 pixels'):
            BINARY_255.decode(label(0, value, 255), 'a/b.png')


@pytest.mark.parametrize(
    ('encoding', 'values', 'advice'),
    [
        (BINARY_255, [0, 1], r'looks like 0/1: set label_encoding=dict\(unchanged=0, changed=1\)'),
        (BINARY_1, [0, 255], r'looks like 0/255: set label_encoding=dict\(unchanged=0, changed=25'),
        (BINARY_255, range(256), r'set label_encoding=dict\(threshold=127\)'),
        (BINARY_255, [0, 7, 255], 'Mend the file'),
    ],
)
def test_error_advises(encoding, values, advice):
    with pytest.raises(LabelError, match=advice):
        encoding.decode(label(*values), 'x.png')


def test_error_counts_values_and_lists_ten():
    values = [*range(20), 19]
    with pytest.raises(LabelError, match=r'9 \(1 pixels\) and 10 other values') as caught:
        BINARY_255.decode(label(*values), 'x.png')
    assert 'expected the values 0 unchanged, 255 changed' in str(caught.value)


def test_all_pixels_of_one_class_are_fine():
    assert BINARY_1.decode(np.ones((3, 4), np.uint8), 'x.png').tolist() == [[1] * 4] * 3
    assert BINARY_255.decode(np.zeros((3, 4), np.uint8), 'x.png').max() == 0


def test_bilevel_needs_no_encoding():
    for encoding in (BINARY_255, BINARY_1, THRESHOLD):
        decoded = encoding.decode(np.array([[False, True]]), 'x.png')
        assert decoded.tolist() == [[0, 1]] and decoded.dtype == np.uint8


def test_white_of_a_bilevel_file_is_what_the_encoding_says():
    bilevel = np.array([[False, True]])
    inverted = LabelEncoding.from_config(dict(unchanged=255, changed=0))
    assert inverted.decode(bilevel, 'x.png').tolist() == [[1, 0]]
    kinds = LabelEncoding(unchanged=0, felled=2, built=1)
    assert kinds.decode(bilevel, 'x.png').tolist() == [[0, 2]]
    with_ignored = LabelEncoding.from_config(dict(unchanged=0, changed=1, ignored=255))
    assert with_ignored.decode(bilevel, 'x.png').tolist() == [[0, 1]]
    assert LabelEncoding(unchanged=0, changed=7, ignored=1).decode(bilevel, 'x.png')[0, 1] == 255


def test_bilevel_files_that_an_encoding_does_not_fit_are_refused():
    bilevel = np.array([[False, True]])
    with pytest.raises(LabelError, match=r'expected the values 1 .*, 2 .*, but found 0'):
        LabelEncoding(unchanged=1, changed=2).decode(bilevel, 'x.png')
    with pytest.raises(LabelError, match='may be 1 or 255, which are two classes here'):
        LabelEncoding(unchanged=0, felled=1, built=255).decode(bilevel, 'x.png')


@pytest.mark.parametrize('dtype', [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize('encoding', [BINARY_255, THRESHOLD])
def test_other_depths_are_refused(dtype, encoding):
    with pytest.raises(LabelError, match=f'expected an 8-bit image, but got {dtype.__name__}'):
        encoding.decode(np.zeros((2, 2), dtype), 'x.png')


@pytest.mark.parametrize(
    'config',
    [
        {},
        dict(unchanged=0),
        dict(changed=255),
        dict(ignored=255),
        dict(threshold=127, changed=255),
        dict(threshold=127, unchanged=0, changed=255),
        dict(unchanged=0, changed=0),
        dict(unchanged=0, changed=1, ignored=1),
    ],
)
def test_half_encodings_are_refused(config):
    with pytest.raises(ConfigError, match=r'either dict\(unchanged=0, changed=255\).*got'):
        LabelEncoding.from_config(config)


@pytest.mark.parametrize('config', [dict(unchanged=0, changed=256), dict(threshold=-1)])
def test_values_beyond_8_bit_are_refused(config):
    with pytest.raises(ConfigError, match=r'0\.\.255; got'):
        LabelEncoding.from_config(config)


def test_unknown_key_is_named():
    with pytest.raises(ConfigError, match=r'changed, ignored and threshold; got.*thresh'):
        LabelEncoding.from_config(dict(thresh=127))


def test_from_config():
    assert LabelEncoding.from_config(dict(unchanged=0, changed=255)) == BINARY_255


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_encoding_reads_any_label_right_or_not_at_all(data: st.DataObject) -> None:
    """What is written under it comes back; a value beside it is an error, never a class."""
    number = data.draw(st.integers(2, 6))
    values = data.draw(st.lists(st.integers(0, 255), min_size=number, max_size=number, unique=True))
    names = [f'class_{index}' for index in range(number - 1)]
    others = sorted(set(range(256)) - set(values))
    ignored = data.draw(st.none() | st.sampled_from(others))
    encoding = LabelEncoding(
        ignored=ignored, **dict(zip(['unchanged', *names], values, strict=True))
    )
    classes = data.draw(arrays(np.uint8, (4, 5), elements=st.integers(0, number - 1)))
    file = np.array(values, np.uint8)[classes]
    np.testing.assert_array_equal(encoding.decode(file, 'label'), classes)
    wrong = data.draw(st.sampled_from(others))
    file[1, 2] = wrong
    if wrong == ignored:
        assert encoding.decode(file, 'label')[1, 2] == IGNORED
    else:
        with pytest.raises(LabelError, match=f'found .*{wrong} \\(1 pixels\\)'):
            encoding.decode(file, 'label')
