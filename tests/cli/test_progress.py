from __future__ import annotations

from mmcd.cli.progress import track


def test_passes_everything_through_and_keeps_off_stdout(capsys):
    assert list(track(iter('abc'), 3, 'reading')) == ['a', 'b', 'c']
    out, err = capsys.readouterr()
    assert out == ''
    assert 'reading' in err and '3/3' in err
