"""Tools run within the tests' own process, which has imported PyTorch and the stack already.

One test a tool starts it as a user does, see :mod:`tests.processes`; the others call it here.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


class Tools:
    """Calls tools; see :func:`tests.tools.conftest.tools`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        # Tools set it where it is not set, for the whole process.
        monkeypatch.setenv('OMP_WAIT_POLICY', 'PASSIVE')

    def run(self, tool: str | Path, words: Sequence[object], *, expect: int = 0) -> str:
        """Run a tool's file to its end and return what it printed, both streams together.

        Args:
            tool: its file.
            words: its arguments.
            expect: the exit status that it must end with.
        """
        self._monkeypatch.setattr(sys, 'argv', [str(tool), *map(str, words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(tool), run_name='__main__')
        printed = self._capsys.readouterr()
        assert (caught.value.code or 0) == expect, printed.out + printed.err
        return printed.out + printed.err
