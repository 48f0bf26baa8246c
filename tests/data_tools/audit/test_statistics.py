from __future__ import annotations

import numpy as np
import pytest

from mmcd.data_tools.audit.statistics import SplitStatistics, describe_values


@pytest.mark.parametrize(
    ('values', 'look'),
    [
        ([], 'nothing'),
        ([0, 1], '0/1, which looks black in a viewer'),
        ([0], '0, which looks black in a viewer'),
        ([0, 255], '0/255'),
        ([0, 128, 255], '0/128/255'),
        ([*range(10), *range(246, 256)], '20 grey values: compression or resampling'),
        ([*range(90, 160)], '70 grey values: no mask of two values'),
    ],
)
def test_what_labels_look_like(values, look):
    counts = np.zeros(256, np.int64)
    counts[values] = 5
    assert describe_values(counts) == look


def test_an_empty_split_has_no_share_and_no_findings():
    split = SplitStatistics('train')
    assert split.share == 0
    assert split.findings() == []
