"""Reading an encoder's pretrained weights: safely, strictly, and with a way out where it fails."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.model.weight_init import PretrainedInit, update_init_info
from mmpretrain.models.utils.embed import resize_pos_embed
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import CheckpointError
from mmcd.io.checkpoints import read_checkpoint, weights_of
from mmcd.io.downloads import local_file
from mmcd.models.mobilenet_names import mobilenet_v2_weights
from mmcd.models.stem import inflate_stem
from mmcd.registry import WEIGHT_INITIALIZERS
from mmcd.structures.image_spec import RGB

WAYS_OUT = (
    "Two ways out: give a file of such weights, --cfg-options pretrained=FILE (for torchvision's "
    'ResNet-18, what torch.save(torchvision.models.resnet18(weights="DEFAULT").state_dict(), FILE) '
    'writes where there is a network), or train from scratch, --cfg-options pretrained=None.'
)

TABLE = 'relative_position_bias_table'


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class PretrainedWeights(PretrainedInit):
    """MMEngine's ``Pretrained`` under ``default_scope = 'mmcd'``, made safe and strict.

    MMEngine's own runs code from downloaded files, and where names or shapes don't fit, it leaves
    the weights random with a line in the log. Here each convolution and linear weight of the
    encoder must be in the file, and those of the file in the encoder, except for modules that it
    lacks (a classifier). Norms may be missing: some backbones add one to each output. What was left
    on either side is logged. MMPretrain's MobileNetV2 takes torchvision's names, too.

    Args:
        checkpoint: a file or an address, see :func:`mmcd.io.downloads.local_file`.
        prefix: read only the names under this prefix, such as ``backbone.``.
        map_location: unused, for MMEngine's sake.
        bands: names of the encoder's input bands; SiameseEncoderDecoder sets them. Where they are
            not red, green and blue, the first convolution is inflated, see
            :func:`mmcd.models.stem.inflate_stem`.

    Raises:
        CheckpointError: the weights can't be had or read, or don't fit.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        map_location: str | None = None,
        bands: Sequence[str] = RGB,
    ) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.bands = tuple(bands)

    def __call__(self, module: nn.Module) -> None:
        try:
            state_dict = _read_weights(self.checkpoint, self.prefix)
            if type(module).__name__ == 'MobileNetV2':
                state_dict = mobilenet_v2_weights(state_dict, module)
            state_dict = inflate_stem(state_dict, module, self.bands)
            state_dict = _with_resized_tables(state_dict, module)
            log = _load_encoder(module, state_dict)
        except CheckpointError as error:
            raise CheckpointError(
                f'No pretrained weights for {type(module).__name__} from {self.checkpoint}: '
                f'{error}\n{WAYS_OUT}'
            ) from error
        print_log(f'{type(module).__name__}: {log} from {self.checkpoint}', logger='current')
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())


@contextmanager
def read_by_us(encoder: Any) -> Iterator[None]:
    """Within the block, an encoder initialises itself; at its end pretrained weights are read.

    MMSegmentation's transformers (Swin, ViT, BEiT) read the file of an ``init_cfg`` themselves:
    without the prefix, for red, green and blue only, and what does not fit stays random. So it is
    taken out of their sight, and read here as for any other encoder.

    Raises:
        CheckpointError: see :class:`PretrainedWeights`.
    """
    if not _reads_pretrained_itself(encoder):
        yield
        return
    cfg = encoder.init_cfg
    encoder.init_cfg = None
    try:
        yield
    finally:
        encoder.init_cfg = cfg
    WEIGHT_INITIALIZERS.build(dict(cfg))(encoder)


def _reads_pretrained_itself(encoder: Any) -> bool:
    cfg = getattr(encoder, 'init_cfg', None)
    return (
        isinstance(encoder, BaseModule)
        and type(encoder).__module__.startswith('mmseg.')
        and type(encoder).init_weights is not BaseModule.init_weights
        and isinstance(cfg, dict)
        and cfg.get('type') == 'Pretrained'
    )


def _read_weights(source: str, prefix: str | None) -> dict[str, Tensor]:
    path = local_file(source)
    state_dict = weights_of(read_checkpoint(path), path)
    names = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    if prefix is None:
        return names
    prefix = prefix.removesuffix('.') + '.'
    return {n.removeprefix(prefix): v for n, v in names.items() if n.startswith(prefix)}


def _with_resized_tables(state_dict: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Position tables of other image sizes and windows, brought to the encoder's.

    Tables that are no squares are left as they are, and do not fit then.
    """
    state_dict = dict(state_dict)
    for name, wanted in module.state_dict().items():
        value = state_dict.get(name)
        if value is None or value.shape == wanted.shape:
            continue
        if name.endswith('relative_position_index'):  # which follows from the window's size
            del state_dict[name]
        elif name.endswith(TABLE) and value.shape[1:] == wanted.shape[1:]:
            # BEiT's have three rows for the class besides.
            for rows in (0, 3):
                before, after = (_square(each.shape[0] - rows) for each in (value, wanted))
                if before and after:
                    state_dict[name] = _resized_table(value, rows, before, after)
                    break
        elif name.endswith('pos_embed') and value.shape[::2] == wanted.shape[::2]:
            for tokens in (0, 1):  # of the class, beside those of the places
                before = _square(value.shape[1] - tokens)
                after = _grid_of(module, wanted.shape[1] - tokens)
                if before and after:
                    state_dict[name] = resize_pos_embed(
                        value, before, after, num_extra_tokens=tokens
                    )
                    break
    return state_dict


def _resized_table(
    table: Tensor, rows: int, before: tuple[int, int], after: tuple[int, int]
) -> Tensor:
    # MMPretrain's function for it needs a part of SciPy that is gone since 1.14.
    places = len(table) - rows
    image = table[:places].T.reshape(1, -1, *before).float()
    image = F.interpolate(image, after, mode='bicubic')
    return torch.cat([image.flatten(2)[0].T, table[places:]])


def _square(number: int) -> tuple[int, int] | None:
    """The sides of a square of so many places; None where it is none."""
    side = math.isqrt(max(number, 0))
    return (side, side) if side and side * side == number else None


def _grid_of(encoder: Any, places: int) -> tuple[int, int] | None:
    """How many patches its images have along each side; None where that is not known."""
    grid = getattr(encoder, 'patch_shape', None)
    size, patch = getattr(encoder, 'img_size', None), getattr(encoder, 'patch_size', None)
    if grid is None and isinstance(size, (tuple, list)) and isinstance(patch, int):
        grid = [side // patch for side in size]
    if grid is None:
        return _square(places)
    height, width = grid
    return (height, width) if height * width == places else None


def _load_encoder(module: nn.Module, state_dict: dict[str, Tensor]) -> str:
    """Load what the module has; says what was loaded."""
    try:
        result = module.load_state_dict(state_dict, strict=False)
    except RuntimeError as error:  # PyTorch's list of shapes that differ
        raise CheckpointError(str(error)) from error
    expected = module.state_dict()
    # MAE is trained without such tables, and begins with zeros in their place.
    has_tables = any(name.endswith(TABLE) for name in state_dict)
    missing = [
        name
        for name in result.missing_keys
        if expected[name].ndim > 1
        and expected[name].is_floating_point()
        and (has_tables or not name.endswith(TABLE))
    ]
    modules = {name for name, _ in module.named_children()}
    foreign = [
        name
        for name in result.unexpected_keys
        if name.split('.')[0] in modules and name.endswith('weight') and state_dict[name].ndim > 1
    ]
    if missing or foreign:
        raise CheckpointError(
            f'{len(missing)} weights of the encoder are not in the file{_first(missing)}, and '
            f"{len(foreign)} of the file's not in the encoder{_first(foreign)}. Is the file of "
            'another network, or are its names under a prefix (`prefix` beside `checkpoint`)?'
        )
    loaded = len(expected) - len(result.missing_keys)
    parts = [f'{loaded} of {len(expected)} tensors']
    if result.missing_keys:
        parts.append(f'left as initialised: {", ".join(result.missing_keys)}')
    if result.unexpected_keys:
        parts.append(f'not used: {", ".join(result.unexpected_keys)}')
    return '; '.join(parts)


def _first(names: list[str]) -> str:
    return f' (such as {names[0]})' if names else ''
