"""Makes darnet_parity.npz: numbers of our own slim DARNet, made when it agreed with the release.

Run it only when the network is meant to change: python -m tests.models.make_darnet_parity
The tests on a machine without the golden data rest on this file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope

from tests.golden import build_case, golden_threads, weight_from_name
from tests.models.building import build_model, samples_from_labels

FILE = Path(__file__).with_name('darnet_parity.npz')
CASE = dict(seed=21, batch=2, height=32, width=48)
STEPS = 3
SLIM = {
    'model.backbone.base_channels': 8,
    'model.decode_head.in_channels': [16, 32, 64, 128, 256],
    'model.decode_head.channels': 8,
}


def compute() -> dict[str, np.ndarray]:
    """The five eval logits (means over 4x4 blocks, to stay small), and the losses of some steps."""
    model = build_model('darnet_levir.py', **SLIM)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: weight_from_name(name, shape) for name, shape in shapes.items()})
    before, after, label = build_case(CASE)
    pair = torch.from_numpy(np.concatenate([before, after], axis=3)).float().permute(0, 3, 1, 2)
    with golden_threads():
        with torch.no_grad():
            outputs = model.eval()(pair, mode='tensor')
        arrays = {
            f'y{level}': torch.nn.functional.avg_pool2d(y, 4).numpy()
            for level, y in zip(range(5, 0, -1), outputs, strict=True)
        }
        arrays['losses'] = np.array(_train(model, pair, torch.from_numpy(label)))
    return arrays


def _train(model: torch.nn.Module, pair: torch.Tensor, label: torch.Tensor) -> list[float]:
    samples = samples_from_labels(label)
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=2e-4)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum(model(pair, samples, mode='loss').values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == '__main__':
    init_default_scope('mmcd')
    np.savez_compressed(FILE, **compute())
