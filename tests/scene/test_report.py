from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.errors import FileWriteError
from mmcd.scene.report import (
    Stopwatch,
    describe_inputs,
    last_change,
    read_report,
    remove_report,
    write_report,
)
from mmcd.scene.scene_outputs import SceneOutputs


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


@pytest.mark.parametrize(
    ('settings', 'removed'),
    [
        (dict(zones=None, stac=False), {'map_quicklook.png'}),
        (dict(zones='z.gpkg', stac=True), {'map_quicklook.png', 'map_zones.csv', 'map.stac.json'}),
    ],
)
def test_with_a_report_goes_what_was_written_beside_it(
    tmp_path: Path, settings: dict, removed: set[str]
) -> None:
    outputs = SceneOutputs(tmp_path / 'map.tif')
    for path in [*outputs.all(), *outputs.beside()]:
        path.write_text('')
    before = {path.name for path in tmp_path.iterdir()}
    write_report(outputs.report, dict(mmcd='0.1.0', settings=settings))
    remove_report(outputs)
    assert before - {path.name for path in tmp_path.iterdir()} == removed | {'map.json'}
    remove_report(outputs)


def test_beside_another_file_of_the_report_s_name_nothing_is_ours(tmp_path: Path) -> None:
    outputs = SceneOutputs(tmp_path / 'map.tif')
    write_report(outputs.report, {'settings': []})
    outputs.zones.write_text('')
    outputs.quicklook.write_text('')
    remove_report(outputs)
    assert {path.name for path in tmp_path.iterdir()} == {'map_zones.csv', 'map_quicklook.png'}


def test_a_report_that_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    (tmp_path / 'map.json').mkdir()
    with pytest.raises(FileWriteError, match=r'Cannot write .*map\.json'):
        remove_report(SceneOutputs(tmp_path / 'map.tif'))


def test_stages_add_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage('write'):
            pass
    assert list(watch.seconds) == ['write'] and watch.total >= watch.seconds['write']
