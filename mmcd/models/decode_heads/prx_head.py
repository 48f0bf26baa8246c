"""PRX-Change's decode head: the decoder with its losses and prediction."""

from __future__ import annotations

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.decode_heads.prx_decoder import PRXDecoded, PRXDecoder
from mmcd.models.layers.padding import crop_to
from mmcd.models.layers.pair_ops import split_dates
from mmcd.models.layers.point_refinement import IGNORED_LABEL, ProgressiveRefinement
from mmcd.registry import MODELS


@MODELS.register_module()
class PRXHead(BaseDecodeHead):
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
        main_weight: factor of the full-size logit's loss: 1 in the first stage, 5 in the later
            ones.
        refinement_weight: factor of the refinement loss.
        threshold: changed where the probability is greater.
        num_classes: 2, unchanged and changed.
        loss_decode: the loss of the full-size logit, or several, which are summed.
        ignore_index: label value that is left out of the losses.
        init_cfg: MMEngine's initialisation config; None leaves PyTorch's defaults, as published.

    Shape:
        A list over levels of (N, 2 * C_l, H / s_l, W / s_l) to a logit (N, 1, H, W).

    Raises:
        ConfigError: ``in_channels`` holds an odd number, or ``num_classes`` is not 2.

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    # Modules that a later training stage adds to what an earlier one has trained.
    later_stage_modules = ('refinement.', 'decoder.cross_attention.')

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
        main_weight: float = 1.0,
        refinement_weight: float = 1.0,
        threshold: float = 0.5,
        num_classes: int = 2,
        loss_decode: dict | Sequence[dict] = (dict(type='mmcd.BinaryCrossEntropyLoss'),),
        ignore_index: int = 255,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        _check_config(in_channels, num_classes)
        widths = tuple(total // 2 for total in in_channels)
        super().__init__(
            list(in_channels),
            widths[0],
            num_classes=num_classes,
            out_channels=1,
            threshold=threshold,
            dropout_ratio=0,
            in_index=list(range(len(in_channels))),
            input_transform='multiple_select',
            loss_decode=[loss_decode] if isinstance(loss_decode, dict) else list(loss_decode),
            ignore_index=ignore_index,
            init_cfg=init_cfg,
        )
        # The base class's classifier would be a parameter without a gradient.
        del self.conv_seg
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
        self.main_weight = main_weight
        self.refinement_weight = refinement_weight

    @property
    def size_divisor(self) -> int:
        """Height and width of the input image must be multiples of this."""
        return 4 * 2 ** (len(self.in_channels) - 1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """The logit at full size, (N, 1, H, W)."""
        return self._decode(inputs).logit

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: SampleList, train_cfg: dict
    ) -> dict[str, Tensor]:
        """``loss_main`` and, where the refinement is on, ``loss_refinement``, weighted."""
        return self.loss_by_feat(self._decode(inputs), batch_data_samples)

    def loss_by_feat(
        self, decoded: PRXDecoded, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """See :meth:`loss`."""
        label = self._stack_batch_gt(batch_data_samples).squeeze(1)  # (N, H, W)
        logit = crop_to(decoded.logit, label.shape[1:])
        main = sum(loss(logit, label, ignore_index=self.ignore_index) for loss in self.loss_decode)
        losses = {'loss_main': self.main_weight * main}
        if self.refinement is not None:
            padded = self._pad_label(label, decoded.logit)
            refined = self.refinement(decoded.fused, padded)
            losses['loss_refinement'] = self.refinement_weight * refined
        return losses

    def _pad_label(self, label: Tensor, logit: Tensor) -> Tensor:
        """The label on the ground that the padded image covers, its ignored pixels at 255."""
        label = label.masked_fill(label == self.ignore_index, IGNORED_LABEL)
        bottom, right = logit.shape[2] - label.shape[1], logit.shape[3] - label.shape[2]
        return F.pad(label, (0, right, 0, bottom), value=IGNORED_LABEL)

    def _decode(self, inputs: Sequence[Tensor]) -> PRXDecoded:
        pairs = [split_dates(pair) for pair in self._transform_inputs(inputs)]
        before, after = zip(*pairs, strict=True)
        return self.decoder(before, after)


def _check_config(in_channels: Sequence[int], num_classes: int) -> None:
    if num_classes != 2 or any(total % 2 for total in in_channels):
        raise ConfigError(
            'PRXHead tells unchanged from changed, num_classes=2, and takes the channels of the '
            'stacked pair at each level, twice those of the backbone; got '
            f'num_classes={num_classes}, in_channels={list(in_channels)}.'
        )
