"""Where the web pages of scenes go."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.cli.commands.map import _pages, _pairs, parse_args
from mmcd.errors import ConfigError


@pytest.mark.parametrize(
    ('outs', 'pages'),
    [
        (['maps/a.tif', 'maps/b.tif'], ['a', 'b']),
        (['paris/change.tif', 'rome/../rome/change.tif'], ['paris/change', 'rome/change']),
    ],
)
def test_each_scene_of_a_list_has_a_page_of_its_own(
    tmp_path: Path, outs: list[str], pages: list[str]
) -> None:
    listed = tmp_path / 'list.csv'
    rows = [f'{out}1.tif,{out}2.tif,{out}' for out in outs]
    listed.write_text('\n'.join(['before,after,out', *rows]))
    args = parse_args(['--pairs', str(listed), '--report', 'pages'])
    assert _pages(args, _pairs(args)) == [Path('pages', page) for page in pages]


def test_maps_on_several_drives_have_no_pages(tmp_path: Path, monkeypatch) -> None:
    listed = tmp_path / 'list.csv'
    listed.write_text('before,after,out\na1.tif,a2.tif,a.tif\nb1.tif,b2.tif,b.tif\n')
    args = parse_args(['--pairs', str(listed), '--report', 'pages'])
    pairs = _pairs(args)
    monkeypatch.setattr('os.path.commonpath', on_several_drives)
    with pytest.raises(ConfigError, match=r'the maps of .*list\.csv are on several drives\. Write'):
        _pages(args, pairs)


def on_several_drives(paths: object) -> str:
    """What Windows says of them."""
    raise ValueError("Paths don't have the same drive")


def test_one_scene_has_the_folder_itself() -> None:
    args = parse_args(['a.tif', 'b.tif', '--out', 'maps/c.tif', '--report', 'page'])
    assert _pages(args, _pairs(args)) == [Path('page')]
