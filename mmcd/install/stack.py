"""The check that the stack mmcd runs on is installed, new enough, and there once.

It reads the metadata of what is installed and imports none of it, so it takes milliseconds. What is
required is read from ``requirements.py``, not by importlib.metadata.requires: in a checkout, that
answers as of the last installation, and it cannot say that two distributions own the same files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, util

from packaging.requirements import Requirement
from packaging.version import Version

from mmcd.errors import StackError
from mmcd.install.requirements import FAMILIES, REQUIRED

# Parts of which one distribution is the only owner.
PLAIN = ('torch', 'torchvision')
# Per import name, the distributions that own its files, by family.
OWNERS: dict[str, dict[str, tuple[str, ...]]] = {
    'mmcv': {'onedl': ('onedl-mmcv',), 'openmmlab': ('mmcv', 'mmcv-lite')},
    'mmengine': {'onedl': ('onedl-mmengine',), 'openmmlab': ('mmengine', 'mmengine-lite')},
    'mmseg': {'onedl': ('onedl-mmsegmentation',), 'openmmlab': ('mmsegmentation',)},
    'mmpretrain': {'onedl': ('onedl-mmpretrain',), 'openmmlab': ('mmpretrain',)},
}
# Any of these gives cv2, and more than one does no harm: they hold the same files.
OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
# mmsegmentation 1.2 imports mmcv.ops, and fails at once where that is not compiled.
NOT_ENOUGH = {'mmcv-lite': 'mmcv-lite lacks the compiled operations that mmsegmentation imports'}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the stack.

    Args:
        part: The import name.
        problem: What was found, and what is wrong with it.
        requirement: What should be installed instead.
        remove: The distributions to take away first.
    """

    part: str
    problem: str
    requirement: str
    remove: tuple[str, ...] = ()


def require_stack() -> None:
    """Check the installed stack.

    Raises:
        StackError: With every fault and the commands that mend them.
    """
    installed = _installed_versions()
    faults = find_faults(installed)
    if faults:
        raise StackError(describe_faults(faults, family_of(installed)))


def installed_family() -> str:
    """The family that is installed, see :func:`family_of`."""
    return family_of(_installed_versions())


def family_of(installed: Mapping[str, str]) -> str:
    """Name the family most parts are of, ``onedl`` if none or as many are of the other.

    Args:
        installed: The version of each distribution that is installed.
    """
    usable = installed.keys() - NOT_ENOUGH.keys()
    parts = {
        family: sum(not usable.isdisjoint(owners[family]) for owners in OWNERS.values())
        for family in FAMILIES
    }
    return 'openmmlab' if parts['openmmlab'] > parts['onedl'] else 'onedl'


def find_faults(installed: Mapping[str, str]) -> list[Fault]:
    """List what keeps mmcd from running on a set of installed distributions.

    A mixture of the two families is a fault too: upstream MMSegmentation refuses OneDL's mmcv, the
    other mixtures are tested by nobody.

    Args:
        installed: The version of each distribution that is installed, by its normalised name.
    """
    family = family_of(installed)
    faults = [_plain_fault(part, family, installed) for part in PLAIN]
    faults.append(_opencv_fault(installed))
    faults += [_owner_fault(part, family, installed) for part in OWNERS]
    return [fault for fault in faults if fault is not None]


def describe_faults(faults: list[Fault], family: str) -> str:
    """Write faults and the commands that mend them as one message.

    Args:
        faults: At least one fault.
        family: The family the commands install, which names mmcd's extra.
    """
    remove = sorted({name for fault in faults for name in fault.remove})
    # Of upstream's mmcv there is only its source, which pip builds without its operators unless it
    # finds PyTorch while it does, and not at all beside a setuptools of 2026.
    builds = [f for f in faults if f.requirement.startswith('mmcv')]
    install = ' '.join(f"'{fault.requirement}'" for fault in faults if fault not in builds)
    lines = [
        f'what mmcd runs on has {len(faults)} fault{"s" if len(faults) > 1 else ""}:',
        *(f'  - {fault.part}: {fault.problem}' for fault in faults),
        'To mend it:',
        *([f'  python -m pip uninstall -y {" ".join(remove)}'] if remove else []),
        *([f'  python -m pip install {install}'] if install else []),
        *(line for fault in builds for line in _build_lines(fault)),
        f"In a checkout of mmcd, python -m pip install -e '.[{family}]' installs all of it.",
    ]
    return '\n'.join(lines)


def _build_lines(fault: Fault) -> tuple[str, str]:
    """Commands that compile mmcv's operators against the PyTorch that is installed."""
    return (
        "  python -m pip install 'setuptools<81' wheel ninja psutil",
        '  MMCV_WITH_OPS=1 python -m pip install --no-build-isolation --no-cache-dir '
        f"'{fault.requirement}'",
    )


def _installed_versions() -> dict[str, str]:
    names = {*PLAIN, *OPENCV}
    for owners in OWNERS.values():
        names.update(*owners.values())
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if not _present(OPENCV, found) and util.find_spec('cv2'):
        found[OPENCV[0]] = '0'  # system packages of OpenCV come without Python metadata
    return found


def _present(names: tuple[str, ...], installed: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in installed)


def _plain_fault(part: str, family: str, installed: Mapping[str, str]) -> Fault | None:
    required = {Requirement(spec).name: spec for spec in REQUIRED}
    spec = FAMILIES[family].get(part, required[part])
    if part not in installed:
        return _missing(part, spec)
    return _version_fault(part, part, spec, installed)


def _opencv_fault(installed: Mapping[str, str]) -> Fault | None:
    return None if _present(OPENCV, installed) else _missing('cv2', 'opencv-python')


def _owner_fault(part: str, family: str, installed: Mapping[str, str]) -> Fault | None:
    spec = FAMILIES[family][part]
    both = tuple(name for names in OWNERS[part].values() for name in _present(names, installed))
    if not both:
        return _missing(part, spec)
    said = ' and '.join(f'{name} {installed[name]}' for name in both)
    if len(both) > 1:
        # All of them go: taking one away removes files that the others have too.
        problem = f'installed {len(both)} times over, as {said}, each overwriting the other'
        return Fault(part, f'{problem}; expected {spec} alone', spec, both)
    (name,) = both
    if name not in OWNERS[part][family]:
        problem = f'{said} does not go with the {family} family of the other parts'
        return Fault(part, f'{problem}; expected {spec}', spec, both)
    if name in NOT_ENOUGH:
        return Fault(part, f'{NOT_ENOUGH[name]}; expected {spec}', spec, both)
    return _version_fault(part, name, spec, installed)


def _missing(part: str, spec: str) -> Fault:
    return Fault(part, f'not installed; expected {spec}', spec)


def _version_fault(part: str, name: str, spec: str, installed: Mapping[str, str]) -> Fault | None:
    version = Version(installed[name])
    for clause in Requirement(spec).specifier:
        if not clause.contains(version, prereleases=True):
            wrong = 'old' if clause.operator.startswith('>') else 'new'
            return Fault(part, f'{name} {version} is too {wrong}; expected {spec}', spec)
    return None
