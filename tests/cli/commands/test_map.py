"""Where the web pages of scenes go."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.cli.commands.map import _pages, _pairs, parse_args


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


def test_one_scene_has_the_folder_itself() -> None:
    args = parse_args(['a.tif', 'b.tif', '--out', 'maps/c.tif', '--report', 'page'])
    assert _pages(args, _pairs(args)) == [Path('page')]
