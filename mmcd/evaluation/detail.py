"""What a result tells beyond pixel counts: objects, boundaries, probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from mmcd.errors import ConfigError
from mmcd.evaluation.boundaries import count_boundaries
from mmcd.evaluation.confusion import percent, plain, ratios_by_class
from mmcd.evaluation.objects import count_objects
from mmcd.evaluation.probabilities import (
    ALL,
    CHANGE,
    average_precision,
    calibration_curve,
    calibration_error,
    count_calibration,
    count_probabilities,
    precision_recall_curve,
)
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import IGNORED, UNCHANGED

SIZE_EDGES = (64, 256, 1024, 4096)


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How objects and boundaries are counted.

    Args:
        object_min_size: pixels of the smallest object that counts.
        object_size_edges: pixels at which the next class of object sizes begins.
        boundary_tolerance: how far apart boundaries may lie, in pixels.
        boundary_metres: the same in metres, instead; it needs the ground resolution.

    Raises:
        ConfigError: a number that can't be used.
    """

    object_min_size: int = 1
    object_size_edges: tuple[int, ...] = SIZE_EDGES
    boundary_tolerance: float = 2.0
    boundary_metres: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'object_size_edges', tuple(self.object_size_edges))
        metres = self.boundary_tolerance if self.boundary_metres is None else self.boundary_metres
        rising = list(self.object_size_edges) == sorted(set(self.object_size_edges))
        if self.object_min_size < 1 or min(self.boundary_tolerance, metres) < 0 or not rising:
            raise ConfigError(
                'Objects must have 1 pixel or more, size edges must rise, and the tolerance of '
                f'boundaries must be 0 or more; got {self}.'
            )

    @classmethod
    def from_config(cls, config: bool | Mapping[str, Any]) -> Detail | None:
        """From a config's ``detail``: True, False, or a dict of settings.

        Raises:
            ConfigError: an unknown setting, or one that can't be used.
        """
        if isinstance(config, bool):
            return cls() if config else None
        try:
            return cls(**config)
        except TypeError as error:
            names = ', '.join(cls.__dataclass_fields__)
            raise ConfigError(f'detail has the settings {names}; got {dict(config)}.') from error

    def tolerance(self, metres_per_pixel: float | None) -> float:
        """Of boundaries, in pixels.

        Raises:
            ConfigError: it is stated in metres and the ground resolution is not known.
        """
        if self.boundary_metres is None:
            return self.boundary_tolerance
        if metres_per_pixel is None:
            raise ConfigError(
                f'A boundary tolerance of {self.boundary_metres} m needs the ground resolution: '
                'image = dict(metres_per_pixel=0.5) in the config, or state it in pixels.'
            )
        return self.boundary_metres / metres_per_pixel

    def describe(self, metres_per_pixel: float | None) -> dict[str, Any]:
        """In plain values, for the protocol."""
        return dict(
            asdict(self),
            object_size_edges=list(self.object_size_edges),
            boundary_tolerance=self.tolerance(metres_per_pixel),
            object_connectivity=4,
        )

    def count_masks(
        self, prediction: np.ndarray, label: np.ndarray, classes: ChangeClasses, tolerance: float
    ) -> dict[str, np.ndarray]:
        """Objects and boundaries of one image: of change of any kind, then of each kind.

        Shape:
            ``prediction``, ``label`` (H, W) of class indices, and 255 (ignored) in the label.
        """
        valid = label != IGNORED
        rows = [(prediction != UNCHANGED, label != UNCHANGED)]
        if not classes.is_binary:
            rows += [(prediction == kind, label == kind) for kind in range(1, len(classes))]
        objects = [
            count_objects(
                *row, valid, min_size=self.object_min_size, size_edges=self.object_size_edges
            )
            for row in rows
        ]
        return dict(
            objects=np.stack([each.matched for each in objects]),
            object_sizes=np.stack([each.by_size for each in objects]),
            boundaries=np.stack([count_boundaries(*row, valid, tolerance) for row in rows]),
        )


def count_scores(
    scores: Tensor, prediction: Tensor, label: Tensor, classes: ChangeClasses
) -> dict[str, np.ndarray]:
    """Histograms of one image's probabilities: of change of any kind, then of each kind.

    Shape:
        ``scores`` (K, H, W) float32 that sum to one; ``prediction`` and ``label`` (H, W) of class
        indices, and 255 (ignored) in the label.
    """
    valid = label != IGNORED
    prediction, label = prediction[valid], label[valid]
    kinds = scores.detach()[UNCHANGED + 1 :, valid].float()
    rows = [(classes.change_of(kinds), label != UNCHANGED, prediction != UNCHANGED)]
    if not classes.is_binary:
        rows += [(kinds[i - 1], label == i, prediction == i) for i in range(1, len(classes))]
    return dict(
        probabilities=np.stack([count_probabilities(row[0], row[1]) for row in rows]),
        calibration=np.stack([count_calibration(*row) for row in rows]),
    )


def count_gap(prediction: Tensor, exchanged: Tensor, label: Tensor) -> np.ndarray:
    """Pixels that are changed in one order of the dates only, and in either.

    Shape:
        (H, W) of class indices, and 255 (ignored) in the label; returns (2,) int64.
    """
    valid = label != IGNORED
    first, second = prediction[valid] != UNCHANGED, exchanged[valid] != UNCHANGED
    return np.array([int((first ^ second).sum()), int((first | second).sum())])


def detail_figures(sums: Mapping[str, np.ndarray], classes: ChangeClasses) -> dict[str, Any]:
    """The figures that such sums allow, in percent: of change of any kind, of each kind, means.

    Shape:
        sums of a whole split give floats; with leading axes, arrays of these axes.
    """
    figures: dict[str, Any] = {}
    if 'exchange' in sums:
        differing, either = np.moveaxis(np.asarray(sums['exchange']), -1, 0)
        figures['exchange_gap'] = plain(percent(differing, np.asarray(either)))
    for key, ratios in (
        ('objects', _object_ratios),
        ('boundaries', _boundary_ratios),
        ('probabilities', _probability_ratios),
        ('calibration', _calibration_ratios),
    ):
        if key not in sums:
            continue
        each, present = ratios(np.asarray(sums[key]))
        figures |= {name: plain(values[..., 0]) for name, values in each.items()}
        if not classes.is_binary:
            kinds = {name: values[..., 1:] for name, values in each.items()}
            figures |= ratios_by_class(kinds, present[..., 1:], classes.names[1:])
    return figures


def _object_ratios(counts: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    ratios = dict(
        object_precision=percent(tp, tp + fp),
        object_recall=percent(tp, tp + fn),
        object_f1=percent(2 * tp, 2 * tp + fp + fn),
    )
    return ratios, tp + fp + fn > 0


def _boundary_ratios(counts: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    own, near, labelled, met = np.moveaxis(counts, -1, 0)
    precision, recall = percent(near, own), percent(met, labelled)
    ratios = dict(
        boundary_precision=precision,
        boundary_recall=recall,
        boundary_f1=percent(2 * precision * recall / 100, precision + recall),
    )
    return ratios, own + labelled > 0


def _probability_ratios(counts: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return dict(average_precision=average_precision(counts)), counts[..., 1, :].sum(-1) > 0


def _calibration_ratios(counts: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    ratios = dict(
        calibration_error=calibration_error(counts[..., ALL, :, :]),
        calibration_error_change=calibration_error(counts[..., CHANGE, :, :]),
    )
    return ratios, counts[..., CHANGE, :, 0].sum(-1) > 0


def detail_curves(
    sums: Mapping[str, np.ndarray],
    classes: ChangeClasses,
    *,
    size_edges: tuple[int, ...] = SIZE_EDGES,
    metres_per_pixel: float | None = None,
) -> dict[str, Any]:
    """Curves and histograms of a whole split in plain values, for change of any kind and each kind.

    Args:
        sums: of all images.
        classes: of the counts.
        size_edges: of the classes of object sizes.
        metres_per_pixel: adds the sizes in square metres.
    """
    names = ['change', *([] if classes.is_binary else classes.names[1:])]
    curves: dict[str, Any] = {}
    for row, name in enumerate(names):
        own: dict[str, Any] = {}
        if 'probabilities' in sums:
            own['precision_recall'] = precision_recall_curve(sums['probabilities'][row])
            counts = sums['calibration'][row]
            own['calibration'] = calibration_curve(counts[ALL])
            own['calibration_change'] = calibration_curve(counts[CHANGE])
        if 'object_sizes' in sums:
            own['objects_by_size'] = _by_size(
                sums['object_sizes'][row], size_edges, metres_per_pixel
            )
        if own:
            curves[name] = own
    return curves


def _by_size(
    counts: np.ndarray, edges: tuple[int, ...], metres_per_pixel: float | None
) -> list[dict[str, Any]]:
    lows, highs = (1, *edges), (*(edge - 1 for edge in edges), None)
    square = None if metres_per_pixel is None else metres_per_pixel**2
    return [
        dict(
            min_pixels=low,
            max_pixels=high,
            min_m2=None if square is None else low * square,
            objects=int(objects),
            found=int(found),
            recall=percent(int(found), int(objects)),
        )
        for low, high, (objects, found) in zip(lows, highs, counts, strict=True)
    ]
