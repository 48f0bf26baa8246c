"""The contracting half of a U-Net: DARNet's encoder, and that of FC-EF and FC-Siam."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.layers.activation_checkpoint import checkpointed
from mmcd.models.layers.conv_blocks import KAIMING_FAN_IN, conv_bn_relu
from mmcd.registry import MODELS


@MODELS.register_module()
class UNetEncoder(BaseModule):
    """Plain U-Net encoder: per level some (conv 3x3, BatchNorm, ReLU), max-pool 2x2 between.

    Args:
        in_channels: bands of one date.
        base_channels: channels of the first level (32 as published); they double at each level.
        num_levels: how many levels, at strides 1, 2, 4, ...
        convs_per_level: convolutions of each level; None: two. FC-EF and FC-Siam have 2, 2, 3, 3.
        dropout: probability that a map is zeroed after a convolution while training (0.2 in FC-EF
            and FC-Siam).
        with_cp: while training, keep the results of each level and of its convolutions only, and
            recompute the rest in the backward pass: a third less memory, a tenth more time.
        init_cfg: MMEngine's initialisation config. Default: Kaiming normal (fan-in) for
            convolutions, N(1, 0.02) for the BatchNorm weights, as in DARNet's release.

    Shape:
        (N, in_channels, H, W) to a tuple over the levels k = 0, 1, ... of
        (N, base_channels * 2^k, H / 2^k, W / 2^k).

    Raises:
        ConfigError: ``convs_per_level`` does not name a number of convolutions for each level.

    Reference:
        Li et al., DARNet, TGRS 2022, doi 10.1109/TGRS.2022.3159544, section III-A; Daudt et al.,
        "Fully Convolutional Siamese Networks for Change Detection", ICIP 2018.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        base_channels: int = 32,
        num_levels: int = 5,
        convs_per_level: Sequence[int] | None = None,
        dropout: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = KAIMING_FAN_IN,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        numbers = [2] * num_levels if convs_per_level is None else list(convs_per_level)
        if len(numbers) != num_levels or min(numbers, default=0) < 1:
            raise ConfigError(
                f'UNetEncoder: `convs_per_level` has a number from 1 for each of the {num_levels} '
                f'levels (`num_levels`), but is {numbers}.'
            )
        self.with_cp = with_cp
        self.levels = nn.ModuleList()
        for level, number in enumerate(numbers):
            widths = [in_channels] + [base_channels * 2**level] * number
            self.levels.append(
                nn.Sequential(*(conv_bn_relu(*pair, dropout=dropout) for pair in pairwise(widths)))
            )
            in_channels = widths[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = []
        for index, level in enumerate(self.levels):
            x = F.max_pool2d(x, 2) if index else x
            x = checkpointed(level, level, x) if self.with_cp and self.training else level(x)
            maps.append(x)
        return tuple(maps)
