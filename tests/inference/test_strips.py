from __future__ import annotations

import pytest
import torch

from mmcd.inference.strips import CPU_BYTES, strips


@pytest.mark.parametrize('total', [1, 7, 64, 1000])
@pytest.mark.parametrize('bytes_each', [1, CPU_BYTES // 10, CPU_BYTES, 5 * CPU_BYTES])
def test_they_cover_the_rows_once_and_fit(total: int, bytes_each: int) -> None:
    runs = list(strips(total, bytes_each, torch.empty(0)))
    assert [row for start, stop in runs for row in range(start, stop)] == list(range(total))
    lengths = [stop - start for start, stop in runs]
    assert all(n == 1 or n * bytes_each <= CPU_BYTES for n in lengths)
    # Of about equal length: no last strip of a single row.
    assert lengths[-1] > max(lengths) - len(lengths)
