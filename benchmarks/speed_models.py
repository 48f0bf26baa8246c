"""Networks with weights that are as good as trained ones for measuring, and inputs for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks.plain_darnet import PlainDARNet
from benchmarks.plain_prx import PlainPRX
from benchmarks.speed_cases import Case
from mmcd.apis import init_model
from mmcd.models.decode_heads.darnet_head import DARNetHead
from mmcd.models.layers.criss_cross_attention import CrissCrossAttention

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# The plain PRX-Change has neither; without them, both train the same function.
ONLY_IN_TRAINING = {
    'model.decode_head.refinement': False,
    'model.decode_head.attention_dropout': 0.0,
    'model.decode_head.dropout': 0.0,
    'model.decode_head.drop_path': 0.0,
}
SETTLING = Case(2, 64, 64)


def build_model(config: str, device: torch.device) -> nn.Module:
    """The model of a config with random weights, on the device in eval mode.

    Criss-cross attention counts (gamma 0.5) and is soft; BatchNorm has the features' statistics.
    """
    torch.manual_seed(0)
    options = ONLY_IN_TRAINING if config.startswith('prx') else None
    # On the CPU first: the random numbers are the same for every device.
    model = init_model(CONFIGS / config, cfg_options=options)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, CrissCrossAttention):
                module.gamma.fill_(0.5)
                # As they are, each position would attend to one other, and rounding choose which.
                module.query.weight.mul_(0.1)
        _settle_norms(model)
    return model.to(device).eval()


def _settle_norms(model: nn.Module) -> None:
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(std=0.1)
        norm.momentum = None  # the mean over all batches: of one, its own
        norm.reset_running_stats()
    model.train()(preprocessed(model, random_tiles(SETTLING)), mode='tensor')
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def plain_network(model: nn.Module, *, training: bool = False) -> nn.Module:
    """The plain network with the model's weights."""
    kind = PlainDARNet if isinstance(model.decode_head, DARNetHead) else PlainPRX
    device = next(model.parameters()).device
    return kind(model.state_dict(), training=training).to(device)


def random_tiles(case: Case) -> Tensor:
    """Stacked RGB pairs as files hold them, (N, 6, H, W) uint8."""
    generator = torch.Generator().manual_seed(1)
    shape = (case.batch, 6, case.height, case.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def preprocessed(model: nn.Module, tiles: Tensor) -> Tensor:
    """What the network gets: (N, 6, H, W) float32, channels last."""
    return model.data_preprocessor(dict(inputs=list(tiles)))['inputs']


def random_labels(case: Case) -> list[SegDataSample]:
    """One sample a pair."""
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(0, 2, (case.batch, 1, case.height, case.width), generator=generator)
    samples = [SegDataSample() for _ in labels]
    for sample, label in zip(samples, labels, strict=True):
        sample.gt_sem_seg = PixelData(data=label)
    return samples


@dataclass(frozen=True)
class Dates:
    """Both dates as the plain networks take them: NCHW, apart."""

    before: Tensor
    after: Tensor

    @classmethod
    def of(cls, inputs: Tensor) -> Dates:
        before, after = inputs.chunk(2, dim=1)
        layout = torch.contiguous_format
        return cls(before.contiguous(memory_format=layout), after.contiguous(memory_format=layout))
