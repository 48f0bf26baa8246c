"""The ways to run a network that `speed.py` measures, each ready to run again and again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks.plain_darnet import PlainDARNet
from benchmarks.plain_prx import PlainPRX
from mmcd.apis import init_model
from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.errors import ConfigError
from mmcd.export.onnx_export import export_onnx
from mmcd.inference import make_predictor
from mmcd.inference.exported import ExportedPredictor
from mmcd.inference.network_predictor import NetworkPredictor
from mmcd.models.decode_heads.darnet_head import DARNetHead
from mmcd.models.layers.criss_cross_attention import CrissCrossAttention

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# A config and, to try the command, its slim counterpart.
NETWORKS = {
    'darnet': ('darnet_levir.py', 'darnet_sample.py'),
    'prx': ('prx_levir.py', 'prx_sample.py'),
    'prx_cross': ('prx_levir_cross.py', 'prx_sample_cross.py'),
}
# The plain PRX-Change has neither; without them, both train the same function.
ONLY_IN_TRAINING = {
    'model.decode_head.refinement': False,
    'model.decode_head.attention_dropout': 0.0,
    'model.decode_head.dropout': 0.0,
    'model.decode_head.drop_path': 0.0,
}
PLAIN = 'plain float32'
PEER = 'siamese UPerNet, ResNet-18, float32'
PEER_CHANNELS = 512  # of its head in MMSegmentation's own configs
INFERENCE = (
    PLAIN,
    PEER,
    'as trained float32',
    'autocast bfloat16',
    'optimised float32',
    'optimised bfloat16',
    'optimised float16',
    'compiled float32',
    'compiled bfloat16',
    'compiled float16',
    'onnxruntime float32',
    'openvino float32',
    'openvino bfloat16',
)
TRAINING = (
    PLAIN,
    PEER,
    'as trained float32',
    'mixed precision bfloat16',
    'mixed precision float16',
    'activation checkpointing float32',
)


@dataclass(frozen=True)
class Case:
    """A batch of RGB pairs for inference, or for a training step."""

    batch: int
    size: int
    training: bool = False

    @property
    def name(self) -> str:
        return f'{"train-" if self.training else ""}{self.batch}x{self.size}'

    @property
    def variants(self) -> tuple[str, ...]:
        return TRAINING if self.training else INFERENCE

    def tiles(self) -> Tensor:
        """Stacked pairs as files hold them, (N, 6, H, W) uint8."""
        generator = torch.Generator().manual_seed(1)
        shape = (self.batch, 6, self.size, self.size)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def samples(self, device: torch.device) -> list[SegDataSample]:
        """Labels of noise, one sample a pair."""
        generator = torch.Generator().manual_seed(2)
        shape = (self.batch, 1, self.size, self.size)
        samples = [SegDataSample() for _ in range(self.batch)]
        labels = torch.randint(0, 2, shape, generator=generator)
        for sample, label in zip(samples, labels, strict=True):
            sample.gt_sem_seg = PixelData(data=label)
        return [sample.to(device) for sample in samples]


def build_model(config: str, device: torch.device) -> nn.Module:
    """The model of a config in eval mode, with random weights that are as good as trained ones.

    BatchNorm has the features' statistics; criss-cross attention counts, and is soft.
    """
    torch.manual_seed(0)
    options = ONLY_IN_TRAINING if config.startswith('prx') else None
    model = init_model(CONFIGS / config, cfg_options=options)
    for module in model.modules():
        if isinstance(module, CrissCrossAttention):
            module.gamma.data.fill_(0.5)
            # As they are, each position would attend to one other, and rounding choose which.
            module.query.weight.data.mul_(0.1)
    return _settled(model).to(device)


def build_peer(device: torch.device) -> nn.Module:
    """MMSegmentation's UPerNet with MMPretrain's ResNet-18, as wide as in its own configs."""
    wider = {'model.decode_head.channels': PEER_CHANNELS}
    model = init_model(CONFIGS / 'upernet_r18_sample.py', cfg_options=wider)
    # As the two libraries run it: (N, C, H, W), every operation by itself.
    return _settled(model).to(device, memory_format=torch.contiguous_format)


@torch.no_grad()
def _settled(model: nn.Module) -> nn.Module:
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the mean over all batches: of one, its own
        norm.reset_running_stats()
    model.train()(_preprocessed(model, Case(2, 64)), mode='tensor')
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return model.eval()


def prepare(variant: str, model: nn.Module, case: Case, folder: Path) -> Callable[[], Any]:
    """A run of a variant.

    Args:
        variant: one of the case's.
        model: from :func:`build_model`.
        case: what it runs on.
        folder: where an exported network goes.

    Raises:
        ConfigError: the device or the network does not have the variant.
        MissingExtraError: a runtime is not installed.
    """
    device = next(model.parameters()).device
    if case.training:
        return _training_step(variant, model, case, device)
    kind, precision = variant.rsplit(' ', 1)
    if kind in ('onnxruntime', 'openvino'):
        return _exported(kind, precision, model, case, folder)
    tiles = case.tiles().to(device)
    if kind in ('optimised', 'compiled'):
        made = make_predictor(model, precision=precision, compile=kind == 'compiled')
        predictor = cast(NetworkPredictor, made)
        return lambda: predictor.predict_logits(tiles)
    if variant == PLAIN:
        return torch.inference_mode()(_plain_forward(_plain_network(model), model, case))
    model = build_peer(device) if variant == PEER else model
    inputs = _inputs(variant, model, case)
    enabled = kind == 'autocast'

    @torch.inference_mode()
    def run() -> Any:
        with torch.autocast(device.type, dtype=getattr(torch, precision), enabled=enabled):
            return model(inputs, mode='tensor')

    return run


def scores(output: Any) -> Tensor:
    """What a run says of each pixel, (N, H, W): a logit, or (of an exported file) a probability."""
    if not isinstance(output, (Tensor, tuple, list)):
        return torch.from_numpy(output)
    logits = (output if isinstance(output, Tensor) else output[-1]).detach().float().cpu()
    return logits[:, 1] - logits[:, 0] if logits.shape[1] > 1 else logits[:, 0]


def _preprocessed(model: nn.Module, case: Case) -> Tensor:
    return model.data_preprocessor(dict(inputs=list(case.tiles())))['inputs']


def _inputs(variant: str, model: nn.Module, case: Case) -> Tensor:
    """Channels last; of the peer (N, C, H, W), as the two libraries have it."""
    inputs = _preprocessed(model, case)
    return inputs.contiguous() if variant == PEER else inputs


def _plain_forward(plain: nn.Module, model: nn.Module, case: Case) -> Callable[[], Any]:
    before, after = (date.contiguous() for date in _preprocessed(model, case).chunk(2, dim=1))
    return lambda: plain(before, after)


def _plain_network(model: nn.Module, *, training: bool = False) -> nn.Module:
    kind = PlainDARNet if isinstance(model.decode_head, DARNetHead) else PlainPRX
    plain = kind(model.state_dict(), training=training)
    return plain.to(next(model.parameters()).device)


def _exported(
    runtime: str, precision: str, model: nn.Module, case: Case, folder: Path
) -> Callable[[], Any]:
    """Preprocessing and probability are within."""
    path = folder / 'network.onnx'
    if not path.exists():
        export_onnx(model, path)
    device = next(model.parameters()).device.type
    threads = torch.get_num_threads()
    exported = ExportedPredictor(
        path, runtime=runtime, precision=precision, threads=threads, device=device
    )
    tiles = case.tiles().numpy()
    return lambda: exported.predict(tiles)[:, 1]


def _training_step(
    variant: str, model: nn.Module, case: Case, device: torch.device
) -> Callable[[], Tensor]:
    """Forward, losses, backward and AdamW on weights of its own; gives the loss before the step."""
    samples = case.samples(device)
    if variant == PLAIN:
        trained = _plain_network(model, training=True)
        forward = _plain_forward(trained, model, case)
        losses = lambda: model.decode_head.loss_by_feat(forward(), samples)  # noqa: E731
    else:
        trained = (build_peer(device) if variant == PEER else copy.deepcopy(model)).train()
        if variant.startswith('activation checkpointing'):
            if not isinstance(model.decode_head, DARNetHead):
                raise ConfigError('Only DARNet has activation checkpointing.')
            trained.backbone.with_cp = trained.decode_head.decoder.with_cp = True
        inputs = _inputs(variant, trained, case)
        losses = lambda: trained(inputs, samples, mode='loss')  # noqa: E731
    settings = {k: v for k, v in model.cfg.optim_wrapper.optimizer.items() if k != 'type'}
    wrapper = _wrapper(torch.optim.AdamW(trained.parameters(), **settings), variant)

    def step() -> Tensor:
        with wrapper.optim_context(trained):
            found = losses()
        total = sum(value for name, value in found.items() if 'loss' in name)
        wrapper.update_params(total)
        return total.detach()

    return step


def _wrapper(optimizer: torch.optim.Optimizer, variant: str) -> OptimWrapper:
    """As `tools/train.py --amp` does."""
    if variant == 'mixed precision float16':
        return AmpOptimWrapper(optimizer=optimizer, loss_scale='dynamic')
    if variant == 'mixed precision bfloat16':
        return BFloat16OptimWrapper(optimizer=optimizer)
    return OptimWrapper(optimizer=optimizer)
