"""Writing tiny data sets of image pairs in the layouts of the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = {'train': 4, 'val': 2, 'test': 2}


@dataclass(frozen=True)
class TinyLayout:
    """Folders, endings and label values of a data set."""

    before_dir: str = 'A'
    after_dir: str = 'B'
    label_dir: str = 'label'
    image_suffix: str = '.png'
    label_suffix: str = '.png'
    changed: int = 255


LAYOUTS = {
    'levir': TinyLayout(),
    'cdd': TinyLayout(label_dir='OUT', image_suffix='.jpg', label_suffix='.jpg'),
    'sysu': TinyLayout(before_dir='time1', after_dir='time2'),
    'whu': TinyLayout(),
    'clcd': TinyLayout(before_dir='time1', after_dir='time2'),
}


def write_tiny_pairs(
    root: Path,
    *,
    layout: str | TinyLayout = 'levir',
    splits: Mapping[str, int] = SPLITS,
    height: int = 64,
    width: int = 64,
    seed: int = 0,
) -> Path:
    """Write pairs with changes under ``{root}/{split}/{folder}/{split}_{number}{ending}``.

    Args:
        root: the data set's folder; made where it is not there.
        layout: one of ``LAYOUTS``, or another.
        splits: number of pairs by the split's name.
        height: of every image.
        width: of every image.
        seed: the same seed writes the same files.

    Returns:
        ``root``.
    """
    layout = LAYOUTS[layout] if isinstance(layout, str) else layout
    rng = np.random.RandomState(seed)
    for split, number in splits.items():
        for index in range(1, number + 1):
            before, after, label = draw_pair(rng, height, width)
            files = (
                (layout.before_dir, layout.image_suffix, before),
                (layout.after_dir, layout.image_suffix, after),
                (layout.label_dir, layout.label_suffix, label * layout.changed),
            )
            for folder, suffix, image in files:
                path = root / split / folder / f'{split}_{index}{suffix}'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
    return root


def draw_pair(
    rng: np.random.RandomState, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``before``, ``after`` (H, W, 3) uint8 RGB and ``label`` (H, W) uint8 0/1.

    A textured ground under two lights; one bright block, about a ninth of the image, appears.
    """
    ground = rng.randint(60, 120, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
    ground = ground[:height, :width]
    before = ground + rng.randint(-8, 9, ground.shape)
    after = ground + 20 + rng.randint(-8, 9, ground.shape)
    block = height // 3, width // 3
    top, left = rng.randint(0, height - block[0]), rng.randint(0, width - block[1])
    label = np.zeros((height, width), np.uint8)
    label[top : top + block[0], left : left + block[1]] = 1
    after[label == 1] = 230 + rng.randint(-8, 9, (int(label.sum()), 3))
    return before.astype(np.uint8), after.astype(np.uint8), label
