from __future__ import annotations

import pytest

from mmcd.scene.sharing import Share


@pytest.mark.parametrize('world', [1, 2, 3, 7])
@pytest.mark.parametrize('number', [0, 1, 5, 12])
def test_the_parts_are_all_and_each_once(world: int, number: int) -> None:
    items = list(range(number))
    parts = [Share(rank, world).contiguous(items) for rank in range(world)]
    assert [item for part in parts for item in part] == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    dealt = [Share(rank, world).strided(items) for rank in range(world)]
    assert sorted(item for part in dealt for item in part) == items


def test_alone_there_is_nobody_to_wait_for() -> None:
    Share().wait()
    assert Share().is_first and not Share(1, 2).is_first
