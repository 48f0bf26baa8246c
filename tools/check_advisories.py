"""Compare mmcd's lowest versions, and what is installed, with published advisories.

    python tools/check_advisories.py             # by tools/advisories.json, without a network
    python tools/check_advisories.py --online    # and the installed packages by pip-audit

Exit code: 0 where nothing is affected, 1 where something is, 2 where it can't be run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name('advisories.json')
EXIT_FOUND, EXIT_ERROR = 1, 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Compare versions with published advisories.')
    parser.add_argument('--online', action='store_true', help='also run pip-audit, if installed')
    parser.add_argument('--list', type=Path, default=LIST, help='the advisories (default: ours)')
    return parser.parse_args(argv)


def lowest_versions() -> Iterator[tuple[str, Requirement]]:
    """Each family's requirements; the family's own stand in the place of the common ones."""
    needs = runpy.run_path(str(ROOT / 'mmcd' / 'install' / 'requirements.py'))
    extras = [
        line
        for name in ('GEO', 'ONNX', 'OPENVINO', 'TENSORBOARD', 'BROWSER', 'DEV')
        for line in needs[name]
    ]
    for family, parts in needs['FAMILIES'].items():
        lines = map(Requirement, (*needs['REQUIRED'], *extras, *parts.values()))
        last = {(each.name, str(each.marker)): each for each in lines}
        yield from ((family, requirement) for requirement in last.values())


def floor_findings(content: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What affects a lowest version: the unmet advisories, and the accepted ones with reasons."""
    found, accepted = [], []
    for family, requirement in lowest_versions():
        floors = [each.version for each in requirement.specifier if each.operator == '>=']
        for advisory in content['advisories']:
            if advisory['package'] != requirement.name.lower() or not floors:
                continue
            if Version(floors[0]) not in SpecifierSet(advisory['affected']):
                continue
            text = (
                f'{family}: {requirement} allows {floors[0]}: {advisory["id"]}, {advisory["what"]}'
            )
            asked = str(requirement.marker or '')
            if reason := _accepted(content, advisory, family, lambda m, a=asked: m in ('', a)):
                accepted.append(f'{text} (accepted: {reason})')
            else:
                found.append(text)
    return found, accepted


def installed_findings(content: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What affects an installed version: the advisories, and the accepted ones with reasons."""
    found, accepted = [], []
    family = 'openmmlab' if _installed('mmcv') else 'onedl'
    for advisory in content['advisories']:
        version = _installed(advisory['package'])
        if not version or Version(version) not in SpecifierSet(advisory['affected']):
            continue
        text = f'{advisory["package"]} {version}: {advisory["id"]}, {advisory["what"]}'
        if reason := _accepted(content, advisory, family, _holds_here):
            accepted.append(f'{text} (accepted: {reason})')
        else:
            found.append(text)
    return found, accepted


def _holds_here(marker: str) -> bool:
    return not marker or Marker(marker).evaluate()


def _installed(package: str) -> str:
    """Its version; '' where it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''


def _accepted(
    content: dict[str, Any],
    advisory: dict[str, str],
    family: str,
    applies: Callable[[str], bool],
) -> str:
    """Why an advisory is accepted; '' where it is not."""
    for each in content['accepted']:
        same = each['package'] == advisory['package'] and each['id'] == advisory['id']
        if same and each['family'] in ('*', family) and applies(each.get('marker', '')):
            return str(each['reason'])
    return ''


def audit_online() -> int:
    """The exit code of pip-audit, which asks the advisory databases."""
    # One that is found by its name may be another environment's, which it would then audit.
    if importlib.util.find_spec('pip_audit') is None:
        print('error: pip-audit is not installed: pip install pip-audit', file=sys.stderr)
        return EXIT_ERROR
    command = [sys.executable, '-m', 'pip_audit', '--skip-editable']
    return subprocess.run(command, check=False).returncode


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    content = json.loads(args.list.read_text())
    floors, accepted = floor_findings(content)
    installed, accepted_here = installed_findings(content)
    number = len(content['advisories'])
    print(f'{number} advisories, reviewed {content["reviewed"]}')
    for title, lines in (
        ('Lowest versions that are affected', floors),
        ('Accepted', accepted),
        ('Installed versions that are affected', installed),
        ('Accepted of these', accepted_here),
    ):
        print(f'{title}: {len(lines)}')
        for line in lines:
            print(f'  {line}')
    status = EXIT_FOUND if floors or installed else 0
    return max(status, audit_online()) if args.online else status


if __name__ == '__main__':
    sys.exit(main())
