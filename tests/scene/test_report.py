from __future__ import annotations

from pathlib import Path

from mmcd.scene.report import (
    Stopwatch,
    describe_inputs,
    last_change,
    read_report,
    write_report,
)


def test_files_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / 'a.tif'
    path.write_bytes(b'pixels')
    inputs = describe_inputs([str(path), '/vsimem/b.tif'], ['hash', None])
    assert inputs['before'] == {'path': str(path), 'bytes': 6, 'sha256': 'hash'}
    assert inputs['after']['bytes'] is None
    assert last_change([str(path)]) == path.stat().st_mtime_ns
    assert last_change([str(path), '/vsimem/b.tif']) is None


def test_a_report_comes_back_and_what_is_none_does_not(tmp_path: Path) -> None:
    write_report(tmp_path / 'map.json', {'changed_pixels': 3})
    assert read_report(tmp_path / 'map.json') == {'changed_pixels': 3}
    assert [path.name for path in tmp_path.iterdir()] == ['map.json']
    (tmp_path / 'other.json').write_text('[1]')
    assert read_report(tmp_path / 'other.json') is None
    assert read_report(tmp_path / 'none.json') is None


def test_stages_add_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage('write'):
            pass
    assert list(watch.seconds) == ['write'] and watch.total >= watch.seconds['write']
