"""PRX-Change's decode head: the decoder, its loss and its refinement's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F

from mmcd.models.decode_heads.pair_head import PairHead, Pyramid, widths_of_one_date
from mmcd.models.decode_heads.prx_decoder import PRXDecoder
from mmcd.models.layers.point_refinement import IGNORED_LABEL, ProgressiveRefinement
from mmcd.registry import MODELS

REFINEMENT = 'refinement'


@MODELS.register_module()
class PRXHead(PairHead):
    """PRX-Change's decoder with one logit of change, and its refinement loss.

    It is trained in three stages: plain, then with ``refinement``, then with ``cross_attention``
    too. The refinement serves training only; prediction does not touch it.

    Args:
        in_channels: channels of the stacked pair's feature maps (2 * C_l), shallow to deep, at
            strides 4, 8, 16, 32.
        cross_attention: let the dates exchange context at every level before they are fused.
        refinement: train the uncertain points of every level too.
        channel_interleave: see :class:`mmcd.models.layers.tri_fusion.TriFusion`.
        attention_dropout: dropout of the cross-attention's weights.
        dropout: dropout in the cross-attention's MLPs.
        drop_path: chance of a sample to skip a residual branch of the cross-attention.
        refinement_dropout: dropout in the refinement's MLPs.
        threshold: see :class:`PairHead`.
        num_classes: 2, unchanged and changed.
        loss_decode: the loss of the full-size logit, or several, which are summed.
        loss_weights: factors of the full-size logit's loss (1 in the first stage, 5 in the later
            ones) and of the refinement's: ``dict(main=5.0, refinement=1.0)``; 1 each by default.
        ignore_index: label value that is left out of the losses.
        init_cfg: MMEngine's initialisation config; None leaves PyTorch's defaults, as published.

    Shape:
        Two pyramids of (N, C_l, H / s_l, W / s_l) to a logit (N, 1, H, W).

    Raises:
        ConfigError: ``in_channels`` holds an odd number, or ``num_classes`` is not 2.

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    later_stage_modules = ('refinement.', 'decoder.cross_attention.')
    num_pyramids = 2

    def __init__(
        self,
        in_channels: Sequence[int],
        *,
        cross_attention: bool = False,
        refinement: bool = False,
        channel_interleave: bool = False,
        attention_dropout: float = 0.1,
        dropout: float = 0.1,
        drop_path: float = 0.1,
        refinement_dropout: float = 0.3,
        threshold: float = 0.5,
        num_classes: int = 2,
        loss_decode: dict | Sequence[dict] = (dict(type='mmcd.BinaryCrossEntropyLoss'),),
        loss_weights: Mapping[str, float] | None = None,
        ignore_index: int = 255,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        widths = tuple(widths_of_one_date(in_channels, 'PRXHead'))
        super().__init__(
            in_channels,
            widths[0],
            num_classes=num_classes,
            out_channels=1,
            threshold=threshold,
            loss_decode=loss_decode,
            loss_weights=loss_weights,
            extra_losses=[REFINEMENT],
            ignore_index=ignore_index,
            init_cfg=init_cfg,
        )
        self.decoder = PRXDecoder(
            in_channels=widths,
            cross_attention=cross_attention,
            channel_interleave=channel_interleave,
            attention_dropout=attention_dropout,
            dropout=dropout,
            drop_path=drop_path,
        )
        self.refinement: ProgressiveRefinement | None = None
        if refinement:
            self.refinement = ProgressiveRefinement(in_channels=widths, dropout=refinement_dropout)
        self.size_divisor = 4 * 2 ** (len(in_channels) - 1)

    def decode(self, *pyramids: Pyramid) -> tuple[Tensor]:
        """The logit at full size, (N, 1, H, W)."""
        return (self.decoder(*pyramids).logit,)

    def loss(
        self, inputs: Sequence[Pyramid], batch_data_samples: SampleList, train_cfg: dict
    ) -> dict[str, Tensor]:
        """``loss_main`` and, where the refinement is on, ``loss_refinement``, weighted."""
        self.check_pyramids(inputs)
        decoded = self.decoder(*inputs)
        losses = self.loss_by_feat(decoded.logit, batch_data_samples)
        if self.refinement is not None:
            label = self._pad_label(self.stack_labels(batch_data_samples), decoded.logit)
            refined = self.refinement(decoded.fused, label)
            losses[f'loss_{REFINEMENT}'] = self.loss_weights[REFINEMENT] * refined
        return losses

    def _pad_label(self, label: Tensor, logit: Tensor) -> Tensor:
        """The label on the ground that the padded image covers, its ignored pixels at 255."""
        label = label.masked_fill(label == self.ignore_index, IGNORED_LABEL)
        bottom, right = logit.shape[2] - label.shape[1], logit.shape[3] - label.shape[2]
        return F.pad(label, (0, right, 0, bottom), value=IGNORED_LABEL)
