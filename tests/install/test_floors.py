"""The lowest versions, as `make test-floors` installs them."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mmcd.install.requirements import DEV, FAMILIES, GEO, ONNX, OPENVINO, REQUIRED
from tests.floors import floors


@pytest.mark.parametrize('family', FAMILIES)
def test_each_floor_is_allowed_and_the_lowest(family: str) -> None:
    pins = map(Requirement, floors(family))
    lowest = {(pin.name, str(pin.marker)): pin.specifier for pin in pins}
    lines = [*REQUIRED, *GEO, *ONNX, *OPENVINO, *DEV, *FAMILIES[family].values()]
    # A family's own torch, which comes last, is the one that holds.
    asked = {(each.name, str(each.marker)): each for each in map(Requirement, lines)}
    for key, requirement in asked.items():
        if requirement.name in ('ruff', 'mypy'):
            assert key not in lowest
            continue
        (pinned,) = lowest[key]
        assert pinned.operator == '=='
        (least,) = (one for one in requirement.specifier if one.operator == '>=')
        assert Version(pinned.version) == Version(least.version)
