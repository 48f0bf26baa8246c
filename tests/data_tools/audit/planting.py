"""Clean tiny data sets, and faults to plant into them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmcd.data_tools.audit.audit_report import AuditReport
from mmcd.data_tools.audit.runner import run_audit
from mmcd.data_tools.audit.splits import splits_of_folder

SIDE = 96


def write_clean(root: Path, *, train: int = 3, val: int = 1, test: int = 2, seed: int = 0) -> Path:
    """Pairs like aerial ones: texture of all scales, other light, one building that appears."""
    rng = np.random.RandomState(seed)
    for split, number in (('train', train), ('val', val), ('test', test)):
        for index in range(number):
            before, after, label = draw(rng)
            for folder, image in (('A', before), ('B', after), ('label', label)):
                write(root / split / folder / f'{split}_{index}.png', image)
    return root


def draw(rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ground = sum(
        cv2.resize(rng.randn(SIDE // s, SIDE // s, 3), (SIDE, SIDE)) * 9 * s**0.5
        for s in (1, 2, 4, 8, 16, 32)
    )
    before = 120 + ground
    after = 100 + 0.9 * ground + 5 * rng.randn(SIDE, SIDE, 3)
    label = np.zeros((SIDE, SIDE), np.uint8)
    top, left = rng.randint(10, 60, 2)
    label[top : top + 24, left : left + 20] = 255
    after[label > 0] = 220
    return to_bytes(before), to_bytes(after), label


def to_bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 255).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def write(path: Path, image: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image)).save(path, **options)


def audit(root: Path, workers: int = 1, **given) -> AuditReport:
    return run_audit(splits_of_folder(root, given), workers)


def found(report: AuditReport) -> set[str]:
    return {finding.check for finding in report.findings}


def the(report: AuditReport, check: str):
    """The one finding of a check."""
    (finding,) = [finding for finding in report.findings if finding.check == check]
    return finding


def copy_pair(root: Path, source: str, target: str, change=lambda image: image) -> None:
    for folder in ('A', 'B', 'label'):
        (from_split, _), (to_split, _) = source.split('_'), target.split('_')
        image = read(root / from_split / folder / f'{source}.png')
        write(root / to_split / folder / f'{target}.png', change(image))


def jpeg(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        return image
    return cv2.imdecode(cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)
