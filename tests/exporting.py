"""Skips tests that export where no model can be exported."""

from __future__ import annotations

import pytest

from mmcd.errors import StackError
from mmcd.export.onnx_file import require_exporter

PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')


def skip_without_exporter() -> None:
    """To be called by a test, by a fixture, or on its own by a module before its tests."""
    for package in PACKAGES:
        pytest.importorskip(package, reason='the extra onnx is not installed')
    try:
        require_exporter()
    except StackError as error:
        pytest.skip(str(error), allow_module_level=True)
