from __future__ import annotations

import pytest

from mmcd.cli.progress import progress_bar, track


def test_the_bar_counts_tiles(capsys: pytest.CaptureFixture) -> None:
    with progress_bar(10, 'map.tif', unit='tiles') as advance:
        advance(4)
        advance(6)
    text = capsys.readouterr().err
    assert 'map.tif' in text and '10/10' in text and '/s' in text


@pytest.mark.parametrize(('total', 'shown'), [(0, True), (10, False)])
def test_silence(capsys: pytest.CaptureFixture, total: int, shown: bool) -> None:
    with progress_bar(total, shown=shown) as advance:
        advance(1)
    assert capsys.readouterr() == ('', '')


def test_passes_everything_through_and_keeps_off_stdout(capsys):
    assert list(track(iter('abc'), 3, 'reading')) == ['a', 'b', 'c']
    out, err = capsys.readouterr()
    assert out == ''
    assert 'reading' in err and '3/3' in err
