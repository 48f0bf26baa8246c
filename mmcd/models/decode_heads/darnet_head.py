"""DARNet's decode head: the decoder with its losses and prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.decode_heads.darnet_decoder import DARNetDecoder
from mmcd.models.layers.initialisation import KAIMING_FAN_IN
from mmcd.models.layers.padding import crop_to
from mmcd.models.layers.pair_ops import split_dates
from mmcd.registry import MODELS


@MODELS.register_module()
class DARNetHead(BaseDecodeHead):
    """DARNet's decoder, deeply supervised at its five levels.

    Args:
        in_channels: channels of the stacked pair's feature maps (2 * C_l), from level 1 to L.
        channels: channels of each branch (32 as published).
        num_classes: 2, unchanged and changed.
        loss_decode: the losses of one output; the objective is the sum over the outputs of
            its weight times the sum of these.
        loss_weights: weight of each output's loss, by level: ``dict(d5=0.2, ..., d1=0.2)``. The
            default is 0.2 each. (The release lists six numbers for five outputs.)
        ignore_index: label value that is left out of the losses.
        with_cp: see :class:`DARNetDecoder`.
        init_cfg: MMEngine's initialisation config, the release's by default.

    Shape:
        A list over levels of (N, 2 * C_l, H / s_l, W / s_l) to five logits of (N, 2, H, W), from
        the deepest to the finest; the last is the prediction.

    Raises:
        ConfigError: ``loss_weights`` does not name exactly the levels.

    Reference:
        Li et al., DARNet, TGRS 2022, doi 10.1109/TGRS.2022.3159544.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 32,
        *,
        num_classes: int = 2,
        loss_decode: dict | Sequence[dict] = (
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            dict(type='mmcd.DiceLoss'),
        ),
        loss_weights: Mapping[str, float] | None = None,
        ignore_index: int = 255,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = KAIMING_FAN_IN,
    ) -> None:
        super().__init__(
            list(in_channels),
            channels,
            num_classes=num_classes,
            out_channels=num_classes,
            dropout_ratio=0,
            in_index=list(range(len(in_channels))),
            input_transform='multiple_select',
            # Always a sequence, so that the base class makes a list of losses.
            loss_decode=[loss_decode] if isinstance(loss_decode, dict) else list(loss_decode),
            ignore_index=ignore_index,
            init_cfg=init_cfg,
        )
        # The base class's classifier would be a parameter without a gradient.
        del self.conv_seg
        self.decoder = DARNetDecoder(
            in_channels=[total // 2 for total in in_channels],
            branch_channels=channels,
            num_classes=num_classes,
            with_cp=with_cp,
        )
        levels = [f'd{level}' for level in range(len(in_channels), 0, -1)]
        self.loss_weights = dict(loss_weights or dict.fromkeys(levels, 0.2))
        if set(self.loss_weights) != set(levels):
            raise ConfigError(
                f'DARNetHead: `loss_weights` must name the outputs {levels}, one weight each, '
                f'but got {self.loss_weights}.'
            )

    @property
    def size_divisor(self) -> int:
        """Height and width of the input image must be multiples of this."""
        return 2 ** (self.decoder.num_levels - 1)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The logits of all levels at full size, y_5 .. y_1."""
        logits = self._decode(inputs)
        size = logits[-1].shape[2:]
        return tuple(
            y if y.shape[2:] == size else F.interpolate(y, size, mode='bilinear') for y in logits
        )

    def loss_by_feat(
        self, seg_logits: Sequence[Tensor], batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """One entry an output, ``loss_d5`` .. ``loss_d1``, each times its weight."""
        label = self._stack_batch_gt(batch_data_samples).squeeze(1)  # (N, H, W)
        losses = {}
        for level, logits in zip(range(len(seg_logits), 0, -1), seg_logits, strict=True):
            logits = crop_to(logits, label.shape[1:])
            total = sum(
                loss(logits, label, ignore_index=self.ignore_index) for loss in self.loss_decode
            )
            losses[f'loss_d{level}'] = self.loss_weights[f'd{level}'] * total
        return losses

    def predict(
        self, inputs: Sequence[Tensor], batch_img_metas: list[dict], test_cfg: dict
    ) -> Tensor:
        """The finest logits only: the coarser ones are not brought to full size."""
        return self.predict_by_feat(self._decode(inputs)[-1], batch_img_metas)

    def _decode(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        pairs = [split_dates(pair) for pair in self._transform_inputs(inputs)]
        before, after = zip(*pairs, strict=True)
        return self.decoder(before, after)
