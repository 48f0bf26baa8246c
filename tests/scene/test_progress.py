from __future__ import annotations

import pytest

from mmcd.scene.progress import tile_progress


def test_the_bar_counts_tiles(capsys: pytest.CaptureFixture) -> None:
    with tile_progress(10, shown=True, title='map.tif') as advance:
        advance(4)
        advance(6)
    text = capsys.readouterr().err
    assert 'map.tif' in text and '10/10' in text and '/s' in text


@pytest.mark.parametrize(('total', 'shown'), [(0, True), (10, False)])
def test_silence(capsys: pytest.CaptureFixture, total: int, shown: bool) -> None:
    with tile_progress(total, shown=shown) as advance:
        advance(1)
    assert capsys.readouterr() == ('', '')
