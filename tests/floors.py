"""Print the lowest versions that mmcd/install/requirements.py allows, as pip's constraints.

python tests/floors.py onedl > constraints.txt
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def floors(family: str) -> list[str]:
    """``name==version`` of each requirement that has a floor, of a family of the stack.

    Ruff and mypy have none of their own: they are pinned to a series, and are no part of what a
    user installs.

    Args:
        family: A key of ``FAMILIES``.
    """
    # By its path, as setup.py reads it: nothing of what mmcd needs is installed yet.
    needs = runpy.run_path(str(ROOT / 'mmcd' / 'install' / 'requirements.py'))
    extras = (*needs['GEO'], *needs['ONNX'], *needs['OPENVINO'], *needs['DEV'])
    lowest: dict[tuple[str, str], str] = {}
    for requirement in (*needs['REQUIRED'], *extras, *needs['FAMILIES'][family].values()):
        asked, _, marker = requirement.partition('; ')
        name, _, bounds = asked.partition('>=')
        # The family's own floor of torch comes last, and stands.
        if bounds and name not in ('ruff', 'mypy'):
            pinned = f'{name}=={bounds.split(",")[0]}'
            lowest[name, marker] = f'{pinned}; {marker}' if marker else pinned
    return list(lowest.values())


if __name__ == '__main__':
    print('\n'.join(floors(sys.argv[1])))
