from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'check_advisories.py'
LIST = TOOL.with_name('advisories.json')
tool = runpy.run_path(str(TOOL))


def altered(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / 'list.json'
    path.write_text(json.dumps({**json.loads(LIST.read_text()), **changes}))
    return path


def test_no_floor_is_below_a_fix() -> None:
    found, accepted = tool['floor_findings'](json.loads(LIST.read_text()))
    assert found == []
    assert all('accepted: ' in line for line in accepted)


def test_every_exception_is_one() -> None:
    """So that an exception goes once its floor is raised."""
    content = json.loads(LIST.read_text())
    for exception in content['accepted']:
        others = [each for each in content['accepted'] if each is not exception]
        found, _ = tool['floor_findings']({**content, 'accepted': others})
        assert found, exception


@pytest.mark.parametrize(
    ('package', 'affected', 'text'),
    [
        ('torch', '<99', 'onedl: torch>=2.10 allows 2.10: X-1, all of it'),
        ('pillow', '<99', 'pillow>=13; python_version >= "3.11" allows 13: X-1'),
    ],
)
def test_an_affected_floor_is_found(tmp_path: Path, capsys, package, affected, text) -> None:
    new = dict(package=package, id='X-1', affected=affected, what='all of it')
    path = altered(tmp_path, advisories=[new], accepted=[])
    assert tool['main'](['--list', str(path)]) == 1
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ('accepted', 'status'),
    [
        (dict(family='*'), 0),
        (dict(family='*', marker='python_version > "3"'), 0),
        (dict(family='*', marker='python_version < "3"'), 1),
        (dict(family='none'), 1),
    ],
)
def test_what_is_installed_may_be_accepted(accepted: dict[str, str], status: int) -> None:
    new = dict(package='setuptools', id='X-3', affected='>0', what='all of it')
    reason = dict(package='setuptools', id='X-3', reason='it is not called', **accepted)
    found, allowed = tool['installed_findings'](dict(advisories=[new], accepted=[reason]))
    assert (len(found), len(allowed)) == (status, 1 - status)


def test_what_is_installed_is_looked_at(tmp_path: Path, capsys) -> None:
    new = dict(package='pytest', id='X-2', affected='>0', what='all of it')
    assert tool['main'](['--list', str(altered(tmp_path, advisories=[new]))]) == 1
    assert 'X-2, all of it' in capsys.readouterr().out.split('Installed')[1]
