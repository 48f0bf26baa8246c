import io

import numpy as np
import pytest
from PIL import Image

from mmcd.apis import ChangeResult
from mmcd.errors import ConfigError, LabelError
from mmcd.structures import ChangeClasses


def result(**kwargs):
    mask = np.zeros((8, 10), np.uint8)
    mask[:4, :5] = 1
    return ChangeResult(mask, mask.astype(np.float32) * 0.9, **kwargs)


def test_its_words_are_short():
    assert repr(result()) == 'ChangeResult(8 x 10 pixels, 25.00% changed)'


def test_the_mask_is_saved(tmp_path):
    result().save(tmp_path / 'mask.png')
    saved = np.asarray(Image.open(tmp_path / 'mask.png'))
    assert saved.shape == (8, 10) and set(np.unique(saved)) == {0, 255}
    with pytest.raises(ConfigError, match='saved as PNG'):
        result().save(tmp_path / 'mask.tif')


def test_a_notebook_shows_mask_and_probability():
    kinds = ChangeClasses(('same', 'built'), ((0, 0, 0), (10, 200, 30)))
    shown = np.asarray(Image.open(io.BytesIO(result(classes=kinds)._repr_png_())))
    assert shown.shape == (8, 20, 3)
    assert tuple(shown[0, 0]) == (10, 200, 30) and tuple(shown[7, 9]) == (0, 0, 0)
    assert tuple(shown[0, 10]) == (229, 229, 229)


def test_a_figure():
    titles = [axis.get_title() for axis in result().plot().axes]
    assert titles[:2] == ['change', 'probability of change']


def test_a_score_against_labels_of_several_encodings(tmp_path):
    label = np.zeros((8, 10), np.uint8)
    label[:4, :10] = 1  # twice what the mask finds
    expected = dict(precision=100.0, recall=50.0)
    Image.fromarray(label * 255).save(tmp_path / 'label.png')
    for given in (label, label * 255, label.astype(bool), label.astype(np.int64)):
        found = result().score(given)
        assert {key: found[key] for key in expected} == expected
    assert result().score(tmp_path / 'label.png')['f1'] == pytest.approx(200 / 3)
    inverted = result().score(1 - label, label_encoding=dict(unchanged=1, changed=0))
    assert inverted['recall'] == 50.0
    ignored = np.where(label == 1, np.uint8(1), np.uint8(255))
    stated = dict(unchanged=0, changed=1, ignored=255)
    assert result().score(ignored, label_encoding=stated)['oa'] == 50.0


def test_a_score_of_several_kinds_takes_class_indices():
    kinds = ChangeClasses(('same', 'built', 'felled'), ((0, 0, 0), (9, 9, 9), (1, 2, 3)))
    label = result().mask * 2  # change of another kind is change
    assert result(classes=kinds).score(label)['f1'] == 100.0


def test_labels_that_do_not_fit_are_told():
    with pytest.raises(LabelError, match='<array>: expected the values 0 unchanged, 255 changed'):
        result().score(np.full((8, 10), 7, np.uint8))
    with pytest.raises(ValueError, match='differ in shape'):
        result().score(np.zeros((8, 9), np.uint8))
