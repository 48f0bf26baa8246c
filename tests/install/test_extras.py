from __future__ import annotations

import importlib
import sys
from importlib import util

import pytest

from mmcd.errors import MissingExtraError
from mmcd.install.extras import require_geo, require_packages


def test_what_is_there_passes() -> None:
    require_packages('Testing', ['json', 'pytest'], 'dev')


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require_packages('Testing', ['json', 'no_such_a'], 'dev')
    assert str(caught.value) == (
        'Testing needs no_such_a, which is not installed. In a checkout of mmcd: python -m pip '
        "install -e '.[dev]'"
    )
    with pytest.raises(ImportError, match='needs no_such_a, no_such_b, which are not installed'):
        require_packages('Testing', ['no_such_a', 'no_such_b'], 'dev')


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr(
        util, 'find_spec', lambda name: None if name in ('rasterio', 'shapely') else find(name)
    )
    with pytest.raises(MissingExtraError) as error:
        require_geo()
    assert str(error.value) == (
        'Mapping whole scenes needs rasterio, shapely, which are not installed. In a checkout of '
        "mmcd: python -m pip install -e '.[geo]'"
    )


def test_without_the_extra_the_function_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what is missing when it is called."""
    for name in [name for name in sys.modules if name.startswith('mmcd.scene.')]:
        monkeypatch.delitem(sys.modules, name)
    for name in ('rasterio', 'shapely', 'pyogrio', 'affine'):
        monkeypatch.setitem(sys.modules, name, None)
    scene = importlib.reload(importlib.import_module('mmcd.scene.api'))
    importlib.import_module('mmcd.scene.settings')
    with pytest.raises(MissingExtraError, match=r'rasterio, shapely, pyogrio.*\[geo\]'):
        scene.predict_scene(None, 'before.tif', 'after.tif', 'map.tif')
