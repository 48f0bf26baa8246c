from __future__ import annotations

import pytest

from mmcd.evaluation.confusion import change_ratios, class_ratios
from mmcd.evaluation.metric_names import NAMES, capitalised, metric_name


@pytest.mark.parametrize(
    ('key', 'name'),
    [
        ('f1', 'F1'),
        ('change/iou', 'IoU'),
        ('val/change/oa', 'overall accuracy'),
        ('miou', 'IoU, mean of the classes'),
        ('mobject_f1', 'object F1, mean of the classes'),
        ('iou_new_building', 'IoU of new building'),
        ('object_recall_razed', 'object recall of razed'),
        ('calibration_error_change', 'calibration error, changed pixels'),
        ('checkpoint_sha256', 'checkpoint SHA-256'),
    ],
)
def test_keys_in_words(key: str, name: str) -> None:
    assert metric_name(key) == name


def test_every_figure_of_pixels_has_a_name() -> None:
    import numpy as np

    from mmcd.evaluation.confusion import ConfusionCounts

    assert set(change_ratios(ConfusionCounts(1, 2, 3, 4))) <= set(NAMES)
    named = {metric_name(key) for key in class_ratios(np.eye(3), ['a', 'b b', 'c'])}
    assert {'IoU of b b', 'F1 of c', 'F1, mean of the classes'} <= named


def test_only_the_first_letter_becomes_a_capital() -> None:
    assert capitalised('object F1') == 'Object F1' and capitalised('') == ''
