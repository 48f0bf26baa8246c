"""What every head for pairs has, whatever its decoder does."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import SampleList
from torch import Tensor
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.layers.pair_ops import crop_to

# One map a level, from shallow to deep.
Pyramid = Sequence[Tensor]
MAIN = 'main'


class PairHead(BaseDecodeHead):
    """Base of the heads that compare two dates.

    SiameseEncoderDecoder hands it the pyramids as the dates were encoded: ``(before, after)``, or
    one of both dates where it fuses them early. A head of one's own implements :meth:`decode`.

    Args:
        in_channels: channels of the stacked pair's feature maps (2 * C_l; C_l with early fusion),
            as for any head of MMSegmentation behind SiameseEncoderDecoder.
        channels: see the head.
        num_classes: K, the classes of the data set; unchanged is the first.
        out_channels: channels of the logits, K or, where K is 2, 1: the logit of change.
        threshold: changed where the probability of all kinds of change is greater; a threshold
            that the model's config states comes first.
        outputs: names of what :meth:`decode` gives, each of which is trained.
        loss_decode: the losses of one output, which are summed.
        loss_weights: factor of each output's loss, by name; 1 where it is not given.
        extra_losses: names of losses besides, which the head computes itself.
        ignore_index: label value that is left out of the losses.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ConfigError: ``loss_weights`` does not name the outputs, or the classes do not fit the
            channels of the logits.
    """

    # Height and width of the input image must be multiples of this; others are padded.
    size_divisor = 1
    # That :meth:`decode` takes: 2, one a date; 1, of a model with early fusion; None: either.
    num_pyramids: int | None = None
    # Modules that a later training stage adds to what an earlier one has trained.
    later_stage_modules: tuple[str, ...] = ()

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        *,
        num_classes: int = 2,
        out_channels: int | None = None,
        threshold: float = 0.5,
        outputs: Sequence[str] = (MAIN,),
        loss_decode: dict | Sequence[dict],
        loss_weights: Mapping[str, float] | None = None,
        extra_losses: Sequence[str] = (),
        ignore_index: int = 255,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if out_channels == 1 and num_classes != 2:
            raise ConfigError(
                f'{type(self).__name__} has one logit, of change, and needs num_classes=2, '
                f'unchanged and changed; got num_classes={num_classes}.'
            )
        super().__init__(
            list(in_channels),
            channels,
            num_classes=num_classes,
            out_channels=out_channels or num_classes,
            threshold=threshold,
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
        self.outputs = tuple(outputs)
        names = [*outputs, *extra_losses]
        self.loss_weights = dict.fromkeys(names, 1.0) | dict(loss_weights or {})
        if set(self.loss_weights) != set(names):
            raise ConfigError(
                f'{type(self).__name__}: `loss_weights` must name the outputs {names}, one weight '
                f'each, but got {dict(loss_weights or {})}.'
            )

    @abstractmethod
    def decode(self, *pyramids: Pyramid) -> Sequence[Tensor]:
        """The logits of each of ``outputs``, at any size; the last are the prediction.

        Shape:
            each pyramid's maps (N, C_l, H / s_l, W / s_l); the last logits (N, K, H, W).
        """

    def check_pyramids(self, inputs: Sequence[Pyramid]) -> None:
        """Check that the pyramids are as many as :meth:`decode` takes.

        Raises:
            ConfigError: they are not.
        """
        if self.num_pyramids not in (None, len(inputs)):
            raise ConfigError(
                f'{type(self).__name__} takes {self.num_pyramids} pyramid(s) of maps, but got '
                f'{len(inputs)}. A model with early_fusion=True gives one pyramid for both dates, '
                "which of the heads of mmcd only FCSiamHead with fusion='early' takes."
            )

    def forward(self, inputs: Sequence[Pyramid]) -> Tensor | tuple[Tensor, ...]:
        """All logits at full size: a tensor, or a tuple where there are several outputs."""
        self.check_pyramids(inputs)
        logits = self.decode(*inputs)
        size = logits[-1].shape[2:]
        full = [
            y if y.shape[2:] == size else F.interpolate(y, size, mode='bilinear') for y in logits
        ]
        return tuple(full) if len(full) > 1 else full[0]

    def loss_by_feat(
        self, seg_logits: Tensor | Sequence[Tensor], batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """One entry an output, such as ``loss_main``, each times its weight.

        Raises:
            ConfigError: the logits are not of the images' size, because the encoder has other
                strides than :meth:`decode` expects.
        """
        label = self.stack_labels(batch_data_samples)
        logits = [seg_logits] if isinstance(seg_logits, Tensor) else seg_logits
        if logits[-1].shape[2:] != label.shape[1:]:  # else they are cropped already
            padded = [length + -length % self.size_divisor for length in label.shape[1:]]
            check_size_of_logits(logits[-1], padded)
        return {
            f'loss_{name}': self.loss_weights[name] * self.output_loss(one, label)
            for name, one in zip(self.outputs, logits, strict=True)
        }

    def output_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """The sum of the losses of one output; what was padded on to the image does not count."""
        logits = crop_to(logits, label.shape[1:])
        losses = [loss(logits, label, ignore_index=self.ignore_index) for loss in self.loss_decode]
        return sum(losses[1:], start=losses[0])

    def stack_labels(self, batch_data_samples: SampleList) -> Tensor:
        """The labels of a batch, (N, H, W)."""
        return self._stack_batch_gt(batch_data_samples).squeeze(1)

    def predict(
        self, inputs: Sequence[Pyramid], batch_img_metas: list[dict], test_cfg: dict
    ) -> Tensor:
        """The last output only: coarser ones are not brought to full size."""
        self.check_pyramids(inputs)
        return self.predict_by_feat(self.decode(*inputs)[-1], batch_img_metas)


def check_size_of_logits(logits: Tensor, size: Sequence[int]) -> None:
    """Check that logits are of the size of the images, whose label they would be cropped to.

    Args:
        logits: (N, K, H, W).
        size: height and width of the images, padded to the head's ``size_divisor``.

    Raises:
        ConfigError: they are not.
    """
    given = tuple(logits.shape[2:])
    if given != tuple(size):
        raise ConfigError(
            f'The head gives logits of {given[0]}x{given[1]} for images of {size[0]}x{size[1]}: '
            'the maps of the encoder have other strides than the head expects. Choose levels with '
            "the strides that the head's documentation states (`out_indices` of the encoder)."
        )


def widths_of_one_date(in_channels: Sequence[int], head: str) -> list[int]:
    """C_l of 2 * C_l.

    Raises:
        ConfigError: one of them is odd.
    """
    if any(total % 2 for total in in_channels):
        raise ConfigError(
            f'{head} takes the channels of the stacked pair at each level, twice those of the '
            f'backbone; got in_channels={list(in_channels)}.'
        )
    return [total // 2 for total in in_channels]
