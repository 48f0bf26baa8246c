"""Boundaries of change: how many of their pixels lie near those of the label."""

from __future__ import annotations

import cv2
import numpy as np

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def count_boundaries(
    prediction: np.ndarray, label: np.ndarray, valid: np.ndarray, tolerance: float
) -> np.ndarray:
    """Count boundary pixels and those with one of the other map within a distance.

    A boundary pixel is a changed one with an unchanged neighbour over an edge. The image's border
    makes no boundary, and neither do ignored pixels: what touches them is left out.

    Args:
        prediction: where the map is changed.
        label: where the label is changed.
        valid: where the label is not ignored.
        tolerance: the distance, in pixels, between the centres of pixels.

    Shape:
        (H, W) bool each; returns (4,) int64: boundary pixels of the map, those near the label's,
        boundary pixels of the label, those near the map's.

    Reference:
        Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013.
    """
    # The border is taken for more of the same: it is no neighbour of another class.
    inside = cv2.erode(valid.astype(np.uint8), CROSS).astype(bool)
    edges = [_boundary(changed) & inside for changed in (prediction, label & valid)]
    counts = []
    for own, other in (edges, edges[::-1]):
        near = np.intp(0)
        if own.any() and other.any():
            away = (~other).astype(np.uint8)
            distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            near = (distance[own] <= tolerance).sum()
        counts += [np.count_nonzero(own), near]
    return np.array(counts, np.int64)


def _boundary(changed: np.ndarray) -> np.ndarray:
    return changed & (cv2.erode(changed.astype(np.uint8), CROSS) == 0)
