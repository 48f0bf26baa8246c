import io

import numpy as np
import pytest
from PIL import Image

from mmcd.apis import ChangeResult
from mmcd.errors import ConfigError
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
