from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcd.errors import SceneError
from mmcd.scene.pair_list import read_pair_list

ROWS = [
    {'before': 'a1.tif', 'after': '/data/a2.tif', 'out': 'maps/a.tif', 'vectors': 'maps/a.gpkg'},
    {'before': 'b1.tif', 'after': 'b2.tif', 'out': 'maps/b.tif'},
]


def write(folder: Path, rows: list[dict], kind: str) -> Path:
    path = folder / f'scenes.{kind}'
    if kind == 'csv':
        names = list(rows[0])
        lines = [','.join(names), *(','.join(row.get(name, '') for name in names) for row in rows)]
    else:
        lines = [*map(json.dumps, rows), '']
    path.write_text('\n'.join(lines))
    return path


@pytest.mark.parametrize('kind', ['csv', 'jsonl'])
def test_both_formats(tmp_path: Path, kind: str) -> None:
    first, second = read_pair_list(write(tmp_path, ROWS, kind))
    assert (first.before, first.after) == (str(tmp_path / 'a1.tif'), '/data/a2.tif')
    assert first.outputs.mask == tmp_path / 'maps/a.tif'
    assert first.outputs.vectors == tmp_path / 'maps/a.gpkg'
    assert second.outputs.vectors is None


@pytest.mark.parametrize('address', ['s3://b/x.tif', 'https://a.org/x.tif', '/vsis3/b/x.tif'])
def test_addresses_do_not_start_from_the_lists_folder(tmp_path: Path, address: str) -> None:
    (pair,) = read_pair_list(write(tmp_path, [{**ROWS[1], 'after': address}], 'csv'))
    assert (pair.before, pair.after) == (str(tmp_path / 'b1.tif'), address)


@pytest.mark.parametrize('kind', ['csv', 'jsonl'])
@pytest.mark.parametrize('row', [{'before': 'x', 'after': 'y'}, {**ROWS[1], 'outt': 'z'}])
def test_a_name_too_few_or_too_many(tmp_path: Path, kind: str, row: dict) -> None:
    with pytest.raises(SceneError, match='scene 1: expected before, after, out'):
        read_pair_list(write(tmp_path, [row], kind))


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match='No such list'):
        read_pair_list(tmp_path / 'none.csv')
    (tmp_path / 'text.txt').write_text('before after')
    with pytest.raises(SceneError, match='neither CSV'):
        read_pair_list(tmp_path / 'text.txt')
    (tmp_path / 'empty.csv').write_text('before,after,out\n')
    with pytest.raises(SceneError, match='lists no scene'):
        read_pair_list(tmp_path / 'empty.csv')


def test_two_scenes_of_one_output(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match='two scenes have the output'):
        read_pair_list(write(tmp_path, [ROWS[0], ROWS[0]], 'jsonl'))


@pytest.mark.parametrize(
    'content', [b'\xff\xfe\0a', b'before,after,out\n"' + b'x' * 200_000 + b'"']
)
def test_what_is_no_list_in_utf_8(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'list.csv').write_bytes(content)
    with pytest.raises(SceneError, match=r'list\.csv is neither CSV .* nor JSON lines, in UTF-8'):
        read_pair_list(tmp_path / 'list.csv')


@pytest.mark.parametrize(
    'out',
    ['maps/../maps/b.tif', 'link/b.tif', 'maps/b.tiff'],  # the last has one report with it
)
def test_two_names_of_one_output(tmp_path: Path, out: str) -> None:
    (tmp_path / 'maps').mkdir()
    (tmp_path / 'link').symlink_to('maps')
    with pytest.raises(SceneError, match=r'two scenes have the output .*/b\.'):
        read_pair_list(write(tmp_path, [ROWS[1], {**ROWS[0], 'out': out}], 'csv'))


def test_an_output_that_another_scene_reads(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[1], 'out': 'maps/../a1.tif'}]
    with pytest.raises(SceneError, match=r'maps/\.\./a1\.tif would overwrite the input .*/a1\.tif'):
        read_pair_list(write(tmp_path, rows, 'jsonl'))


def test_the_list_is_not_overwritten_by_a_report(tmp_path: Path) -> None:
    path = tmp_path / 'scenes.json'
    path.write_text(json.dumps({**ROWS[1], 'out': 'scenes.tif'}))
    with pytest.raises(SceneError, match=r'scenes\.json would overwrite the input .*/scenes\.json'):
        read_pair_list(path)
