"""What all tests share: few threads, a clean registry scope, tiny data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_pairs import write_tiny_pairs


def pytest_sessionstart(session: pytest.Session) -> None:
    """Leave the cores to the processes of xdist, and give the same sums everywhere."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


# Files that take a worker of xdist the longest, which begins with them (`--no-loadscope-reorder`
# in the Makefile): one that is begun last keeps the other worker waiting.
LONGEST = (
    'tests/test_configs.py',
    'tests/tools/test_train_stages.py',
    'tests/tools/test_train_and_test.py',
    'tests/models/test_networks.py',
    'tests/doors/test_doors.py',
    'tests/suites/test_execution.py',
    'tests/tools/test_infer_scene.py',
    'tests/tools/analysis_tools/test_check_resume.py',
    'tests/tools/analysis_tools/test_tools_of_mmseg.py',
    'tests/engine/test_peer_watch.py',
    'tests/engine/test_threshold_tuning.py',
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition('::')[0], len(LONGEST)))


@pytest.fixture(autouse=True)
def _mmcd_scope() -> None:
    """Types without a scope are ours, whatever scope a test before has left behind."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmcd')


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests, and the tools that they start, leave the user's cache folder alone."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.getbasetemp() / 'cache'))


@pytest.fixture
def tiny_levir(tmp_path: Path) -> Path:
    """A LEVIR-CD-shaped data set of 4 + 2 + 2 pairs of 64x64."""
    return write_tiny_pairs(tmp_path / 'tiny')


@pytest.fixture
def write_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes other tiny data sets: see :func:`tests.tiny_pairs.write_tiny_pairs`."""

    def write(name: str = 'pairs', **kwargs) -> Path:
        return write_tiny_pairs(tmp_path / name, **kwargs)

    return write
