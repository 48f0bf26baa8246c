"""The plain networks against the package's: two implementations that share no layer code.

In float64 they agree to 1e-10 (rounding leaves 1e-15), so that any difference in what is computed
shows; in float32, which the benchmarks time, to 1e-5.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks.plain_darnet import PlainDARNet
from benchmarks.plain_prx import PlainPRX
from mmcd.conversion.darnet import DARNET
from mmcd.conversion.name_mapping import convert
from mmcd.conversion.prx import PRX
from tests.golden import (
    build_case,
    needs_golden,
    read_golden,
    relative_error,
    released_state_dict,
    weight_from_name,
)
from tests.models.building import build_model

SLIM = {
    'darnet_sample.py': (PlainDARNet, 16),
    'prx_sample.py': (PlainPRX, 32),
    'prx_sample_cross.py': (PlainPRX, 32),
}
NO_DROPS = {'prx_sample_cross.py': dict(attention_dropout=0.0, dropout=0.0, drop_path=0.0)}


def build_slim(config: str, head_options: dict | None = None) -> nn.Module:
    """A slim model in eval mode with made-up weights and statistics; float64."""
    options = {f'model.decode_head.{key}': value for key, value in (head_options or {}).items()}
    model = build_model(config, **options)
    state = {k: weight_from_name(k, list(v.shape)) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return model.double().eval()


def random_pair(seed: int, divisor: int) -> Tensor:
    """(N, 6, H, W) of a random size; as DARNet gets it 0..255, as PRX-Change normalised."""
    rng = np.random.default_rng(seed)
    num, height, width = rng.integers(1, (4, 6, 6)) * (1, divisor, divisor)
    if divisor == 16:
        return torch.from_numpy(rng.uniform(0, 255, (num, 6, height, width)))
    return torch.from_numpy(rng.standard_normal((num, 6, height, width)))


def outputs_of_both(
    model: nn.Module, plain: nn.Module, pair: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """The list of outputs of the model, and of the plain network."""
    both = model(pair, mode='tensor'), plain(*pair.chunk(2, dim=1))
    ours, theirs = ([out] if isinstance(out, Tensor) else list(out) for out in both)
    assert [out.shape for out in ours] == [out.shape for out in theirs]
    assert theirs[-1].shape[2:] == pair.shape[2:]
    return ours, theirs


def check_close(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    errors = [relative_error(x, y.detach().numpy()) for x, y in zip(theirs, ours, strict=True)]
    assert max(errors) < tolerance, errors


@pytest.mark.parametrize('config', SLIM)
def test_same_logits(config):
    plain_type, divisor = SLIM[config]
    model = build_slim(config)
    plain = plain_type(model.state_dict())
    assert not plain.training and not list(plain.parameters())
    for seed in range(5):
        with torch.no_grad():
            ours, theirs = outputs_of_both(model, plain, random_pair(seed, divisor))
        check_close(ours, theirs, 1e-10)


@pytest.mark.parametrize('config', SLIM)
def test_same_logits_in_float32(config):
    plain_type, divisor = SLIM[config]
    model = build_slim(config).float()
    settle_statistics(model, random_pair(9, divisor).float())
    plain = plain_type(model.state_dict())
    for seed in range(5):
        with torch.no_grad():
            ours, theirs = outputs_of_both(model, plain, random_pair(seed, divisor).float())
        check_close(ours, theirs, 1e-5)


def settle_statistics(model: nn.Module, pair: Tensor) -> None:
    """Give BatchNorm statistics of real features, as after training.

    With those of the made-up weights, features of raw 0..255 stay in the hundreds, and the
    softmax of attention multiplies their rounding.
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = None  # the mean over all batches
            module.reset_running_stats()
    with torch.no_grad():
        model.train()(pair, mode='tensor')
    model.eval()


@pytest.mark.parametrize('config', SLIM)
def test_same_training_step(config):
    plain_type, divisor = SLIM[config]
    model = build_slim(config, NO_DROPS.get(config)).train()
    plain = plain_type(model.state_dict(), training=True)
    ours, theirs = outputs_of_both(model, plain, random_pair(2, divisor))
    check_close(ours, theirs, 1e-10)
    for outputs in (ours, theirs):
        sum(out.square().mean() for out in outputs).backward()
    check_gradients(dict(model.named_parameters()), plain.state)
    running = {k: v for k, v in model.state_dict().items() if 'running_' in k}
    assert running.keys() == {name for name in plain.names if 'running_' in name}
    check_close(list(running.values()), [plain.state[name] for name in running], 1e-10)


def check_gradients(ours: dict[str, nn.Parameter], theirs: dict[str, Tensor]) -> None:
    """Relative to the largest of all: biases before a BatchNorm have a true gradient of 0."""
    # Refinement heads have no part in the logits.
    gradients = {name: p.grad for name, p in ours.items() if p.grad is not None}
    assert gradients.keys() == {name for name in theirs if 'running_' not in name}
    largest = max(gradient.abs().max() for gradient in gradients.values())
    off = [k for k, v in gradients.items() if (v - theirs[k].grad).abs().max() > 1e-9 * largest]
    assert off == []


def test_the_weights_are_copies():
    state = build_slim('darnet_sample.py').state_dict()
    before = {name: value.clone() for name, value in state.items()}
    PlainDARNet(state, training=True)(*random_pair(2, 16).chunk(2, dim=1))
    assert all(torch.equal(state[name], before[name]) for name in state)


def plain_with_golden_weights(kind: str, config: str, shapes: dict) -> nn.Module:
    table, plain_type = {'darnet': (DARNET, PlainDARNet), 'prx': (PRX, PlainPRX)}[kind]
    wanted = build_model(config).state_dict()
    return plain_type(convert(released_state_dict(shapes), table, wanted).state_dict)


def golden_dates(case: dict, mean: list[float], std: list[float], scale: float) -> list[Tensor]:
    """Both dates, (N, 3, H, W) contiguous."""
    dates = [date.astype(np.float32) / np.float32(scale) for date in build_case(case)[:2]]
    dates = [(date - np.float32(mean)) / np.float32(std) for date in dates]
    return [torch.from_numpy(date).permute(0, 3, 1, 2).contiguous() for date in dates]


@pytest.mark.slow
@needs_golden
def test_plain_darnet_gives_the_golden_logits():
    facts, arrays = read_golden('darnet')
    plain = plain_with_golden_weights('darnet', 'darnet_levir.py', facts['state_dict'])
    case = facts['cases'][0]
    with torch.no_grad():
        outputs = plain(*golden_dates(case, mean=[0] * 3, std=[1] * 3, scale=1))
    for level, output in zip((5, 4, 3, 2, 1), outputs, strict=True):
        assert relative_error(output, arrays[f'{case["name"]}/side{level}']) < 5e-4


@pytest.mark.slow
@needs_golden
@pytest.mark.parametrize(
    ('variant_name', 'config'), [('r18', 'prx_levir.py'), ('r18_cross', 'prx_levir_cross.py')]
)
def test_plain_prx_gives_the_golden_logits(variant_name, config):
    facts, arrays = read_golden('prx')
    (variant,) = (v for v in facts['variants'] if v['name'] == variant_name)
    plain = plain_with_golden_weights('prx', config, variant['state_dict'])
    case = variant['cases'][0]
    with torch.no_grad():
        logit = plain(*golden_dates(case, facts['mean'], facts['std'], scale=255))
    assert relative_error(logit, arrays[f'{variant_name}/{case["name"]}/logit']) < 5e-4
