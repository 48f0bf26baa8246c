from __future__ import annotations

import pytest

from tests.tools.in_process import Tools


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Tools:
    """Runs tools in the test's own process."""
    return Tools(monkeypatch, capsys)
