from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcd.data_tools.audit.inspection import PairRecord
from mmcd.data_tools.audit.registration import CLEAR, Shift
from mmcd.data_tools.audit.statistics import SplitStatistics, describe_values
from mmcd.datasets.pair_index import PairFiles
from mmcd.structures import ImageSpec


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


@pytest.mark.parametrize(('metres', 'told'), [(None, False), (0.5, False), (10.0, True)])
def test_a_shift_of_two_pixels_counts_where_houses_do_not_lean(metres, told):
    split = SplitStatistics('train')
    record = PairRecord(
        'train',
        PairFiles('a', *(Path(name) for name in ('before', 'after', 'label'))),
        shift=Shift(2, 0, clarity=2 * CLEAR),
        image=ImageSpec(metres_per_pixel=metres),
    )
    split.add(record)
    assert bool(record.findings) == told
