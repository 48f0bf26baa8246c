"""Objects of a change map: connected regions, matched with those of the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class ObjectCounts(NamedTuple):
    """Objects of one map and one label.

    Args:
        matched: (3,) int64: true positives, false positives, false negatives.
        by_size: (S, 2) int64: objects of the label, and how many of them were found, in each class
            of sizes.
    """

    matched: np.ndarray
    by_size: np.ndarray


def count_objects(
    prediction: np.ndarray,
    label: np.ndarray,
    valid: np.ndarray,
    *,
    min_size: int = 1,
    size_edges: Sequence[int] = (),
) -> ObjectCounts:
    """Match the regions of a map with those of its label.

    A region is a 4-connected component, as are the polygons of a scene's map.
    Two match where their intersection over union exceeds one half, which no region can do twice.
    Ignored pixels belong to no region of the label and count in no area; a region that lies in them
    by more than half is no false positive, as in the panoptic quality.

    Args:
        prediction: where the map is changed.
        label: where the label is changed.
        valid: where the label is not ignored.
        min_size: regions of fewer pixels count neither as missed nor as false; one of the label
            that is smaller does not count as found.
        size_edges: pixels at which the next class of sizes begins.

    Shape:
        (H, W) bool each.

    Reference:
        Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4.1.
    """
    from scipy import ndimage  # half a second, which only those who ask for objects pay

    regions, number = ndimage.label(prediction)
    targets, number_of_targets = ndimage.label(label & valid)
    area = np.bincount(regions[valid], minlength=number + 1)
    target_area = np.bincount(targets[valid], minlength=number_of_targets + 1)
    both = (regions > 0) & (targets > 0)
    keys = regions[both].astype(np.int64) * (number_of_targets + 1) + targets[both]
    pairs, shared = np.unique(keys, return_counts=True)
    region, target = np.divmod(pairs, number_of_targets + 1)
    is_match = 2 * shared > area[region] + target_area[target] - shared

    used, found = np.zeros(number + 1, bool), np.zeros(number_of_targets + 1, bool)
    used[region[is_match]] = True
    found[target[is_match]] = True
    mostly_valid = 2 * area >= np.bincount(regions.ravel(), minlength=number + 1)
    is_false = (~used & (area >= min_size) & mostly_valid)[1:]
    counts = (target_area >= min_size)[1:]
    found, sizes = found[1:], target_area[1:]
    matched = [(found & counts).sum(), is_false.sum(), (~found & counts).sum()]
    size_class = np.digitize(sizes, size_edges)
    by_size = [
        np.bincount(size_class[chosen], minlength=len(size_edges) + 1)
        for chosen in (counts, counts & found)
    ]
    return ObjectCounts(np.array(matched, np.int64), np.stack(by_size, axis=1).astype(np.int64))
