"""Reading the golden data: numbers that the released networks gave.

The data lie beside the project, in ``../shared/golden``, and are not part of it; tests that need
them skip where they are missing. Inputs and weights are built from seeds and names, by the rules
that the README of the golden data states.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from mmcd.conversion.name_mapping import NameMapping

SHARED = Path(__file__).resolve().parents[2] / 'shared'
GOLDEN = SHARED / 'golden'
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason='the golden data (../shared/golden) are not on this machine'
)
needs_samples = pytest.mark.skipif(
    not (SHARED / 'data').is_dir(), reason='the real samples (../shared/data) are not here'
)


@contextmanager
def golden_threads() -> Iterator[None]:
    """The thread count of the golden runs: with another, ties near a ReLU's kink fall otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def read_golden(name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """The JSON part and the arrays of one network's golden data."""
    facts = json.loads((GOLDEN / f'{name}.json').read_text())
    with np.load(GOLDEN / f'{name}.npz') as arrays:
        return facts, dict(arrays)


def weight_from_name(name: str, shape: list[int]) -> torch.Tensor:
    """The value that the golden rule gives the tensor of this released name."""
    last = name.rsplit('.', 1)[-1]
    if last == 'num_batches_tracked':
        return torch.tensor(0)
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    draw = np.asarray(rng.standard_normal(shape))
    if last == 'running_var':
        value = 1 + 0.2 * np.abs(draw)
    elif last == 'gamma':
        value = 0.5 + 0.1 * draw
    elif last == 'weight' and len(shape) == 1:
        value = 1 + 0.1 * draw
    elif last == 'weight':
        value = draw * np.sqrt(1 / np.prod(shape[1:]))
    else:
        value = 0.1 * draw
    return torch.from_numpy(value.astype(np.float32))


def released_state_dict(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """A state dict under the release's names."""
    return {name: weight_from_name(name, shape) for name, shape in shapes.items()}


def build_case(case: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``before``, ``after`` (N, H, W, 3) uint8 RGB and ``label`` (N, H, W) 0/1 of a case."""
    rng = np.random.RandomState(case['seed'])
    num, height, width = case['batch'], case['height'], case['width']

    def enlarge(coarse: np.ndarray) -> np.ndarray:
        return coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]

    shape = (num, height // 8 + 1, width // 8 + 1)
    before = enlarge(rng.randint(0, 256, (*shape, 3)))
    after = enlarge(rng.randint(0, 256, (*shape, 3)))
    before = np.clip(before + rng.randint(-20, 21, before.shape), 0, 255)
    after = np.clip(after + rng.randint(-20, 21, after.shape), 0, 255)
    label = enlarge(rng.randint(0, 2, shape))
    return before.astype(np.uint8), after.astype(np.uint8), label


def relative_error(ours: np.ndarray | torch.Tensor, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest absolute value."""
    ours = np.asarray(ours.detach() if isinstance(ours, torch.Tensor) else ours)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def check_first_losses(
    model: torch.nn.Module,
    inputs: torch.Tensor,
    samples: list[SegDataSample],
    expected: list[float],
    **options: float,
) -> None:
    """Compare the losses of the first steps of a training with those of the release.

    Args:
        model: Ours; it is trained.
        inputs: The batch of each step.
        samples: Its labels.
        expected: The loss of each step.
        options: Of AdamW.
    """
    # In float64, as the gradients: in float32 the fourth loss moves by 3e-3 between processors.
    model, inputs = model.double(), inputs.double()
    optimizer = torch.optim.AdamW(model.train().parameters(), **options)
    losses = []
    for _ in expected:
        optimizer.zero_grad()
        loss = sum(model(inputs, samples, mode='loss').values())
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert losses[0] == pytest.approx(expected[0], rel=1e-5)
    assert losses == pytest.approx(expected, rel=2e-3)


def gradient_norm_errors(
    model: torch.nn.Module, mapping: NameMapping, expected: dict[str, float]
) -> list[float]:
    """Relative deviations of the norms of a model's gradients from those of the release.

    Args:
        model: Ours, after the backward pass.
        mapping: From the release's names to ours.
        expected: Per parameter of the release its gradient's norm. Those that are 0 but for
            rounding, such as of a bias in front of a batch norm, are left out.
    """
    ours = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    renamed = {mapping.rename(name): norm for name, norm in expected.items()}
    assert ours.keys() == renamed.keys()
    return [abs(ours[name] / norm - 1) for name, norm in renamed.items() if norm > 1e-5]
