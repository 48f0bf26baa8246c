"""What a wheel, an editable install and a source archive of mmcd hold."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mmcd import __version__
from mmcd.install.requirements import FAMILIES, REQUIRED

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('mmcd', 'configs', 'tools', 'tests', 'data/README.md', 'setup.py', 'pyproject.toml')
SOURCES += ('MANIFEST.in', 'LICENSE', 'README.md', 'model-index.yml')
# Without isolation and dependencies: nothing is fetched.
BUILD = (
    'import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])("out"))'
)


def build(kind: str, tree: Path) -> Path:
    done = subprocess.run(
        [sys.executable, '-c', BUILD, f'build_{kind}'],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tree / 'out' / done.stdout.splitlines()[-1]


def files_of(folder: str) -> set[str]:
    """Files under a folder of the checkout, without caches."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob('*') if path.is_file())
    caches = ('__pycache__', '.')
    kept = (path for path in found if not any(part.startswith(caches) for part in path.parts))
    return {path.as_posix() for path in kept}


@pytest.fixture(scope='module')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, installed as editable: later builds must not follow its links."""
    tree = tmp_path_factory.mktemp('check out')  # the space is meant
    for name in SOURCES:
        target = tree / name
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns('.mim'))
        else:
            shutil.copyfile(ROOT / name, target)
    (tree / 'out').mkdir()
    build('editable', tree)
    return tree


@pytest.fixture(scope='module')
def wheel(tree: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(build('wheel', tree)) as archive:
        yield archive


@pytest.mark.slow
def test_an_editable_install_links_what_mim_looks_for(tree: Path) -> None:
    mim = tree / 'mmcd' / '.mim'
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (mim / name).resolve() == tree / name
    assert (mim / 'configs').is_symlink()


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_what_mim_looks_for(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if '.dist-info/' not in name]
    of_mim = files_of('configs') | files_of('tools') | {'model-index.yml'}
    assert sorted(names) == sorted(files_of('mmcd') | {f'mmcd/.mim/{name}' for name in of_mim})


@pytest.mark.slow
def test_an_installed_wheel_finds_its_configs_by_name(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    wheel.extractall(tmp_path / 'site')
    # What a wheel of another project may have left beside it.
    (tmp_path / 'site' / 'configs').mkdir()
    code = (
        'from mmcd.apis import init_model, list_configs; import mmcd;'
        'model = init_model("darnet_sample"); print(mmcd.__file__, model.cfg.filename);'
        'print(*list_configs(), sep="\\n")'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(tmp_path / 'site')},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, *names = done.stdout.splitlines()[-1 - len(list((ROOT / 'configs').glob('*.py'))) :]
    package = tmp_path / 'site' / 'mmcd'
    assert found == f'{package}/__init__.py {package}/.mim/configs/darnet_sample.py'
    assert names == sorted(path.stem for path in (ROOT / 'configs').glob('*.py'))


@pytest.mark.slow
def test_a_wheel_asks_for_what_is_checked_at_start(wheel: zipfile.ZipFile) -> None:
    metadata = message_from_bytes(wheel.read(f'mmcd-{__version__}.dist-info/METADATA'))
    assert metadata['Requires-Python'] == '>=3.10'
    told = [Requirement(line) for line in metadata.get_all('Requires-Dist')]
    always = [one for one in told if 'extra' not in str(one.marker)]
    assert always == [Requirement(line) for line in REQUIRED]
    for extra, parts in FAMILIES.items():
        of_extra = [
            one for one in told if one not in always and one.marker.evaluate({'extra': extra})
        ]
        found = {(one.name, one.specifier) for one in of_extra}
        assert found == {(one.name, one.specifier) for one in map(Requirement, parts.values())}


@pytest.mark.slow
def test_a_source_archive_holds_each_file_once(tree: Path) -> None:
    with tarfile.open(build('sdist', tree)) as archive:
        names = [name.split('/', 1)[-1] for name in archive.getnames()]
    assert not [name for name in names if '.mim' in name]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    parts = files_of('configs') | files_of('tools') | {'setup.py', 'LICENSE', 'model-index.yml'}
    assert parts <= set(names)
