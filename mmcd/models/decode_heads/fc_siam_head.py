"""The head of FC-EF, FC-Siam-conc and FC-Siam-diff: three ways to bring the dates together."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.decode_heads.fc_siam_decoder import FCSiamDecoder
from mmcd.models.decode_heads.pair_head import PairHead, Pyramid, widths_of_one_date
from mmcd.models.layers.conv_blocks import KAIMING_FAN_IN
from mmcd.models.layers.pair_ops import CONCAT, DIFFERENCE, fuse_dates
from mmcd.registry import MODELS

EARLY = 'early'


@MODELS.register_module()
class FCSiamHead(PairHead):
    """A U-Net's decoder whose skips compare the dates.

    The map that it starts from is the deepest one of the second date, pooled once more.

    Args:
        in_channels: channels of the stacked pair's feature maps (2 * C_l), shallow to deep; C_l
            with ``fusion='early'``.
        fusion: what a skip holds. 'early' (FC-EF): the one map of a model with
            ``early_fusion=True``; 'concat' (FC-Siam-conc): both dates' maps; 'difference'
            (FC-Siam-diff): the absolute difference of them.
        convs_per_level: convolutions of each level, shallow to deep.
        dropout: probability that a map is zeroed after a convolution while training.
        num_classes: see :class:`PairHead`.
        threshold: see :class:`PairHead`.
        loss_decode: see :class:`PairHead`.
        ignore_index: label value that is left out of the losses.
        init_cfg: MMEngine's initialisation config.

    Shape:
        Two pyramids (early fusion: one) of (N, C_l, H / 2^l, W / 2^l) to logits (N, K, H, W).

    Raises:
        ConfigError: there is no such ``fusion``, or the model fuses elsewhere.

    Reference:
        Daudt, Le Saux, Boulch, "Fully Convolutional Siamese Networks for Change Detection",
        ICIP 2018.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        *,
        fusion: str = CONCAT,
        convs_per_level: Sequence[int] = (2, 2, 3, 3),
        dropout: float = 0.2,
        num_classes: int = 2,
        threshold: float = 0.5,
        loss_decode: dict | Sequence[dict] = (
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
        ),
        ignore_index: int = 255,
        init_cfg: dict | list[dict] | None = KAIMING_FAN_IN,
    ) -> None:
        if fusion not in (EARLY, CONCAT, DIFFERENCE):
            raise ConfigError(
                f"FCSiamHead: `fusion` is '{EARLY}', '{CONCAT}' or '{DIFFERENCE}', not {fusion!r}."
            )
        widths = list(in_channels)
        if fusion != EARLY:
            widths = widths_of_one_date(in_channels, 'FCSiamHead')
        super().__init__(
            in_channels,
            widths[0],
            num_classes=num_classes,
            threshold=threshold,
            loss_decode=loss_decode,
            ignore_index=ignore_index,
            init_cfg=init_cfg,
        )
        self.fusion = fusion
        self.num_pyramids = 1 if fusion == EARLY else 2
        self.decoder = FCSiamDecoder(
            widths=widths,
            skip_channels=in_channels if fusion == CONCAT else widths,
            num_classes=num_classes,
            convs_per_level=convs_per_level,
            dropout=dropout,
        )
        self.size_divisor = 2 ** len(widths)

    def decode(self, *pyramids: Pyramid) -> tuple[Tensor]:
        """The logits at full size, (N, K, H, W)."""
        skips = pyramids[0]
        if self.fusion != EARLY:
            levels = zip(*pyramids, strict=True)
            skips = [fuse_dates(before, after, self.fusion) for before, after in levels]
        return (self.decoder(skips, F.max_pool2d(pyramids[-1][-1], 2)),)
