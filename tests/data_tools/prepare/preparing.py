"""Running a preparation as the tool does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mmcd.data_tools.prepare import Preparation
from mmcd.data_tools.prepare.dataset_plan import Division
from mmcd.data_tools.prepare.preparation import Request
from mmcd.data_tools.prepare.sources import SOURCES
from mmcd.data_tools.prepare.splitting import Ratios

READING = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel')]


def prepare(name, folder, out, *, tiling=None, workers=1, overwrite=False, layout=None, **division):
    ratios = division.pop('ratios', Ratios())
    source = SOURCES[name]
    source = replace(source, layout=replace(source.layout, **(layout or {})))
    request = Request(name, source, folder, out, tiling, Division(ratios, **division))
    preparation = Preparation(request)
    preparation.start(overwrite)
    results = list(preparation.run(workers))
    preparation.finish(results)
    return preparation, results


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
