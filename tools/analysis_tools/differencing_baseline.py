"""How far plain differencing gets on a split: the best F1 of several difference measures.

    python tools/analysis_tools/differencing_baseline.py data/sample --split test

The threshold is chosen on the very split it is rated on: no fair choice does better.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmcd.cli.console import run_tool
from mmcd.errors import DatasetNotFoundError, ImagePairError
from mmcd.io.images import read_pair_image
from mmcd.structures import RGB_8BIT
from mmcd.structures.change_classes import UNCHANGED

BINS = 512
MEASURES = ('grey', 'largest channel', 'change vector', 'normalised', 'blurred')


@dataclass(frozen=True)
class Score:
    """Change precision, recall and F1 in percent at the threshold with the highest F1."""

    threshold: float
    precision: float
    recall: float
    f1: float


def differences(before: np.ndarray, after: np.ndarray) -> dict[str, np.ndarray]:
    """Difference measures of a pair, each (H, W) and scaled to 0 .. 1.

    Shape:
        before, after: (H, W, 3) uint8.
    """
    gap = after.astype(np.float32) - before
    vector = np.linalg.norm(gap, axis=2) / (255 * 3**0.5)
    balanced = _normalise(after) - _normalise(before)
    # Six deviations in each channel are as far apart as pixels of an image get.
    spread = np.linalg.norm(balanced, axis=2) / (6 * 3**0.5)
    return {
        'grey': np.abs(gap.mean(axis=2)) / 255,
        'largest channel': np.abs(gap).max(axis=2) / 255,
        'change vector': vector,
        'normalised': spread,
        'blurred': cv2.GaussianBlur(spread, (0, 0), 3),
    }


def _normalise(image: np.ndarray) -> np.ndarray:
    """Give each channel zero mean and unit deviation: removes differences of light and sensor."""
    return (image - image.mean(axis=(0, 1))) / (image.std(axis=(0, 1)) + 1e-6)


def count(difference: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Histograms, (2, BINS), of a measure over unchanged and changed pixels."""
    level = np.minimum((difference * BINS).astype(np.int64), BINS - 1)
    return np.bincount((level + BINS * changed).ravel(), minlength=2 * BINS).reshape(2, BINS)


def best_threshold(histograms: np.ndarray) -> Score:
    """Rate all thresholds and keep the best; without any changed pixel all ratios are 0.

    Shape:
        histograms: (2, BINS), of unchanged and of changed pixels.
    """
    # Pixels at or above each level are called changed.
    false, true = np.cumsum(histograms[:, ::-1], axis=1)[:, ::-1].astype(float)
    changed = float(histograms[1].sum())
    f1 = 2 * true / np.maximum(true + false + changed, 1)
    best = int(np.argmax(f1))
    return Score(
        threshold=best / histograms.shape[1],
        precision=100 * true[best] / max(true[best] + false[best], 1),
        recall=100 * true[best] / max(changed, 1),
        f1=100 * f1[best],
    )


def read_split(
    folder: Path, before: str, after: str, label: str
) -> Iterator[tuple[np.ndarray, ...]]:
    """Read a split's pairs one by one: two images and where they changed.

    Raises:
        DatasetNotFoundError: There are no images, or one lacks its partner or label.
        ImagePairError: A file is no 8-bit image, or a pair's sizes differ.
    """
    from mmcd.datasets.label_encoding import LabelEncoding
    from mmcd.datasets.transforms.loading import read_single_band

    encoding = LabelEncoding(threshold=0)  # whichever values mark change, 0 marks none
    names = sorted(path.name for path in (folder / before).glob('*.png'))
    if not names:
        raise DatasetNotFoundError(f'expected PNG images in {folder / before}, but found none')
    for name in names:
        paths = [folder / part / name for part in (before, after, label)]
        for path in paths:
            if not path.is_file():
                raise DatasetNotFoundError(f'expected an image at {path}, but there is none')
        first, second = (read_pair_image(path, RGB_8BIT) for path in paths[:2])
        marked = encoding.decode(read_single_band(str(paths[2])), str(paths[2]))
        if not first.shape[:2] == second.shape[:2] == marked.shape:
            raise ImagePairError(f'expected one size for both images and the label of {name}')
        yield first, second, marked != UNCHANGED


def rate_split(
    folder: Path, before: str = 'A', after: str = 'B', label: str = 'label'
) -> dict[str, Score]:
    """The best score of each measure on a split."""
    totals = {measure: np.zeros((2, BINS), np.int64) for measure in MEASURES}
    for first, second, changed in read_split(folder, before, after, label):
        for measure, difference in differences(first, second).items():
            totals[measure] += count(difference, changed)
    return {measure: best_threshold(total) for measure, total in totals.items()}


def main(argv: list[str] | None = None) -> int:
    """Print a table of the measures."""
    parser = argparse.ArgumentParser(description='Rate plain differencing on a data set')
    parser.add_argument('folder', type=Path, help='data set with a folder for each split')
    parser.add_argument('--split', default='test')
    parser.add_argument('--before', default='A', help='folder of the first date')
    parser.add_argument('--after', default='B', help='folder of the second date')
    parser.add_argument('--label', default='label', help='folder of the labels')
    args = parser.parse_args(argv)
    scores = rate_split(args.folder / args.split, args.before, args.after, args.label)
    print(f'{"difference":<16} {"threshold":>9} {"precision":>9} {"recall":>7} {"F1":>6}')
    for measure, score in scores.items():
        figures = f'{score.precision:>9.1f} {score.recall:>7.1f} {score.f1:>6.1f}'
        print(f'{measure:<16} {score.threshold:>9.3f} {figures}')
    return 0


if __name__ == '__main__':
    run_tool(main)
