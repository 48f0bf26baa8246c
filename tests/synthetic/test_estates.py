"""The style 'estates': what its pairs must show for a network to learn from them."""

from __future__ import annotations

import numpy as np
import pytest

from mmcd.synthetic import ScenePair, find_style
from mmcd.synthetic.estate_pair import RESOLUTIONS
from mmcd.synthetic.estates import random_estate
from mmcd.synthetic.film import Film, develop
from mmcd.synthetic.woodland import RADII, VARIANTS, crown, plant_woods

SIZE = 128
make = find_style('estates')


@pytest.fixture(scope='module')
def pairs() -> list[ScenePair]:
    return [make(np.random.SeedSequence(3, spawn_key=(n,)), SIZE) for n in range(16)]


def test_the_resolution_is_drawn_for_each_pair(pairs: list[ScenePair]) -> None:
    drawn = [made.metres_per_pixel for made in pairs]
    assert len(set(drawn)) > 8
    assert RESOLUTIONS[0] <= min(drawn) < max(drawn) <= RESOLUTIONS[1]


def test_the_dates_differ_in_tone_where_nothing_is_built(pairs: list[ScenePair]) -> None:
    """So that neither brightness nor colour tells a change."""
    away = [abs(float(p.before[p.label == 0].mean()) - p.after[p.label == 0].mean()) for p in pairs]
    assert np.median(away) > 8


def test_whole_estates_appear_on_open_land() -> None:
    plans = [random_estate(np.random.default_rng(seed), 256) for seed in range(60)]
    new = [plan for plan in plans if not plan.opened[0]]
    assert len(new) > 6
    for plan in new:
        assert all(lot.states[0].building is None for lot in plan.lots)
    assert any(lot.states[1].building is not None for plan in new for lot in plan.lots)


def test_floors_and_ground_change_without_a_label() -> None:
    plans = [random_estate(np.random.default_rng(seed), 256) for seed in range(60)]
    lots = [lot for plan in plans for lot in plan.lots]
    assert any(lot.states[0].slab is None and lot.states[1].slab is not None for lot in lots)
    assert any(
        lot.states[0].ground != lot.states[1].ground
        for lot in lots
        if lot.states[0].building is lot.states[1].building
    )
    patches = [patch for plan in plans for patch in plan.patches]
    assert any(patch.grounds[0] != patch.grounds[1] for patch in patches)


def test_woods_make_room_for_what_is_built() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        plan = random_estate(rng, 256)
        if not plan.opened[0] and plan.tree_density > 90 and len(plan.lots) > 10:
            before, after = plant_woods(rng, plan, 256)
            assert len(after.x) < len(before.x)
            return
    pytest.fail('no seed gave an estate in the woods')


def test_a_crown_does_not_depend_on_what_was_drawn_before() -> None:
    crown.cache_clear()
    first = crown(RADII[4], VARIANTS - 1).height.copy()
    crown.cache_clear()
    np.random.default_rng(0).normal(size=10)
    np.testing.assert_array_equal(crown(RADII[4], VARIANTS - 1).height, first)


def test_film_brings_an_image_to_its_level_and_keeps_detail_in_the_light() -> None:
    image = np.random.default_rng(0).normal(120, 30, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    dark, bright = (
        Film(level, 0.12, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0, 1.0, 100) for level in (0.3, 0.6)
    )
    assert develop(image, dark).mean() == pytest.approx(0.3 * 255, abs=6)
    assert develop(image, bright).mean() == pytest.approx(0.6 * 255, abs=6)
    over = develop(image, Film(0.95, 0.2, 1.0, (0.0, 0.0, 0.0), 0.0, 0.0, 1.0, 100))
    assert over.std() > 5
