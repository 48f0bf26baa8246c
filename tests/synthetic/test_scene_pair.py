from __future__ import annotations

import numpy as np
import pytest

from mmcd.synthetic import ScenePair, make_pair
from mmcd.synthetic.geometry import Raster
from mmcd.synthetic.scene_plan import random_plan

SIZE = 96


@pytest.fixture(scope='module')
def pairs() -> list[ScenePair]:
    return [make_pair(np.random.SeedSequence(7, spawn_key=(n,)), SIZE) for n in range(16)]


def test_a_seed_is_not_used_up() -> None:
    seed = np.random.SeedSequence(5)
    np.testing.assert_array_equal(make_pair(seed, 32).after, make_pair(seed, 32).after)


def test_other_seeds_make_other_scenes(pairs: list[ScenePair]) -> None:
    images = {made.before.tobytes() for made in pairs}
    assert len(images) == len(pairs)


def test_unchanged_ground_looks_different_too(pairs: list[ScenePair]) -> None:
    """Light, season and sensor change everywhere, so a threshold on the difference must fail."""
    for made in pairs:
        gap = np.abs(made.after.astype(int) - made.before).max(axis=2)
        assert np.median(gap[made.label == 0]) > 4


def test_images_are_neither_black_nor_burnt_out(pairs: list[ScenePair]) -> None:
    for made in pairs:
        for image in (made.before, made.after):
            assert 25 < image.mean() < 215
            assert image.std() > 8


def test_dates_are_registered() -> None:
    """Edges of a place without change lie within about a pixel of each other."""
    for number in range(40):
        made = make_pair(np.random.SeedSequence(1, spawn_key=(number,)), 128)
        if made.label.any():
            continue
        before, after = (edges(image) for image in (made.before, made.after))
        spectrum = np.fft.fft2(before) * np.conj(np.fft.fft2(after))
        peak = np.fft.ifft2(spectrum / (np.abs(spectrum) + 1e-6)).real.argmax()
        row, column = np.unravel_index(peak, before.shape)
        assert min(row, 128 - row) <= 1
        assert min(column, 128 - column) <= 1
        return
    pytest.fail('none of 40 scenes is without change')


def edges(image: np.ndarray) -> np.ndarray:
    down, right = np.gradient(image.astype(float).mean(axis=2))
    return np.hypot(down, right)


@pytest.mark.parametrize('size', [0, 31, 2049])
def test_a_size_that_cannot_be_drawn_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=rf'size from 32 to 2048 pixels, but got {size}$'):
        make_pair(np.random.SeedSequence(0), size)


def test_the_label_is_where_buildings_differ() -> None:
    """Held against the plan: footprints of one date only, drawn without any of the renderer."""
    appeared = vanished = wrong = 0
    # Scenes where houses come, go, or both.
    for number in (3, 14, 15, 32, 44):
        before, after = footprints(number)
        label = make_pair(np.random.SeedSequence(11, spawn_key=(number,)), SIZE).label > 0
        appeared += (after & ~before).sum()
        vanished += (before & ~after).sum()
        wrong += (label != (before != after)).sum()
    assert min(appeared, vanished) > 300
    # The footprints are averaged over a finer raster: their rims may differ.
    assert wrong < 0.05 * min(appeared, vanished)


def footprints(number: int) -> list[np.ndarray]:
    """Which pixels a building of the plan covers, before and after."""
    seed = np.random.SeedSequence(11, spawn_key=(number, 0))
    plan = random_plan(np.random.Generator(np.random.PCG64(seed)), SIZE)
    standing = [np.zeros((SIZE, SIZE), bool) for _ in range(2)]
    for lot in plan.lots:
        for date, state in enumerate(lot.states):
            for wing in state.building.wings if state.building else ():
                standing[date] |= inside(wing.box.corners())
    return standing


def inside(corners: np.ndarray) -> np.ndarray:
    """Pixels whose centre lies in a convex polygon."""
    down, right = np.mgrid[:SIZE, :SIZE] + 0.5
    within = np.ones((SIZE, SIZE), bool)
    for (x, y), (u, v) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        within &= (u - x) * (down - y) - (v - y) * (right - x) >= 0
    return within


def test_the_raster_has_room_around_the_image() -> None:
    raster = Raster(64)
    assert raster.sample(np.zeros(raster.shape)).shape == (128, 128)


def test_a_large_scene_has_room_for_its_materials() -> None:
    assert make_pair(np.random.SeedSequence(0), 640).label.shape == (640, 640)
