"""DARNet's decode head: the decoder, deeply supervised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmcd.models.decode_heads.darnet_decoder import DARNetDecoder
from mmcd.models.decode_heads.pair_head import PairHead, Pyramid, widths_of_one_date
from mmcd.models.layers.conv_blocks import KAIMING_FAN_IN
from mmcd.registry import MODELS


@MODELS.register_module()
class DARNetHead(PairHead):
    """DARNet's decoder, deeply supervised at its five levels.

    Args:
        in_channels: channels of the stacked pair's feature maps (2 * C_l), from level 1 to L.
        channels: channels of each branch (32 as published).
        num_classes: see :class:`PairHead`; 2 as published.
        threshold: see :class:`PairHead`.
        loss_decode: the losses of one output; the objective is the sum over the outputs of
            its weight times the sum of these.
        loss_weights: weight of each output's loss, by level: ``dict(d5=0.2, ..., d1=0.2)``. The
            default is 0.2 each. (The release lists six numbers for five outputs.)
        ignore_index: label value that is left out of the losses.
        with_cp: see :class:`DARNetDecoder`.
        init_cfg: MMEngine's initialisation config, the release's by default.

    Shape:
        Two pyramids of (N, C_l, H / s_l, W / s_l) to five logits of (N, K, H, W), from the deepest
        to the finest; the last is the prediction.

    Raises:
        ConfigError: ``loss_weights`` names other than the levels, or ``in_channels`` holds an odd
            number.

    Reference:
        Li et al., DARNet, TGRS 2022, doi 10.1109/TGRS.2022.3159544.
    """

    num_pyramids = 2

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 32,
        *,
        num_classes: int = 2,
        threshold: float = 0.5,
        loss_decode: dict | Sequence[dict] = (
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            dict(type='mmcd.DiceLoss'),
        ),
        loss_weights: Mapping[str, float] | None = None,
        ignore_index: int = 255,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = KAIMING_FAN_IN,
    ) -> None:
        levels = [f'd{level}' for level in range(len(in_channels), 0, -1)]
        super().__init__(
            in_channels,
            channels,
            num_classes=num_classes,
            threshold=threshold,
            outputs=levels,
            loss_decode=loss_decode,
            loss_weights=loss_weights or dict.fromkeys(levels, 0.2),
            ignore_index=ignore_index,
            init_cfg=init_cfg,
        )
        self.decoder = DARNetDecoder(
            in_channels=widths_of_one_date(in_channels, 'DARNetHead'),
            branch_channels=channels,
            num_classes=num_classes,
            with_cp=with_cp,
        )
        self.size_divisor = 2 ** (len(in_channels) - 1)

    def decode(self, *pyramids: Pyramid) -> list[Tensor]:
        """y_5 .. y_1, each at its own resolution."""
        return self.decoder(*pyramids)
