"""The segmentor for pairs: a shared encoder for both dates, then any head."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.data_preprocessor import PairDataPreprocessor
from mmcd.models.decode_heads.pair_head import PairHead
from mmcd.models.layers.pair_ops import (
    CONCAT,
    DIFFERENCE,
    apply_to_dates,
    crop_to,
    fuse_dates,
    pad_to_multiple,
    split_dates,
)
from mmcd.models.model_description import check_threshold
from mmcd.models.pretrained import read_by_us
from mmcd.models.scores import to_samples
from mmcd.models.stem import widen_stem
from mmcd.registry import MODELS
from mmcd.structures import ChangeClasses, ImageSpec
from mmcd.structures.image_spec import RGB


@MODELS.register_module()
class SiameseEncoderDecoder(EncoderDecoder):
    """MMSegmentation's EncoderDecoder for stacked pairs.

    The encoder sees one date at a time with shared weights. A head for pairs (:class:`PairHead`)
    gets both dates' pyramids; for any other head of MMSegmentation, ``fusion`` makes one map a
    level of the two dates'.

    A head with an attribute ``size_divisor`` (DARNetHead, PRXHead) needs image sizes that are
    multiples of it: the input is then padded inside (by its edge, at the bottom and the right)
    and the logits are cropped back. Such a head crops its own logits to the label in its loss.

    Args:
        backbone: the encoder's config. Its ``in_channels`` follows from ``image``; where it has no
            such setting, its first convolution is made for these bands.
        decode_head: the head's config. Its ``num_classes`` follows from ``classes``.
        data_preprocessor: the preprocessor's config, which gets ``image``.
        image: the image description, see :class:`mmcd.structures.ImageSpec`; None: 8-bit RGB.
        classes: the data set's METAINFO (``classes`` and ``palette``), see
            :class:`mmcd.structures.ChangeClasses`; None: as many as the head has. The configs'
            loader sets it.
        threshold: changed where the probability of all kinds of change is greater; None: the
            head's own, or 0.5.
        batch_dates: whether BatchNorm sees both dates in one batch while training (PRX-Change:
            yes; DARNet: no, ``before`` then ``after``). In eval mode the results are the same,
            and one batch is taken.
        early_fusion: the encoder sees both dates at once, as one image of 2C bands.
        fusion: what a head of MMSegmentation gets of each level. 'concat': both dates' maps, its
            ``in_channels`` are 2 * C_l; 'difference': their absolute difference, C_l.
        auxiliary_head: heads of MMSegmentation that are trained besides.
        **kwargs: see :class:`mmseg.models.EncoderDecoder`.

    Shape:
        inputs: (N, 2C, H, W), ``before`` in the first C channels.
        ``mode='tensor'``: what the head gives, DARNet a tuple of five (N, 2, H, W).
        ``mode='loss'``: a dict whose ``loss`` entries sum to the objective.
        ``mode='predict'``: a list of SegDataSample with ``pred_sem_seg`` and ``seg_logits``.

    Raises:
        ConfigError: the encoder's bands or the head's classes contradict ``image`` or ``classes``,
            there is no such ``fusion`` or nothing reads it, the head is (one of) a cascade, or the
            encoder gives vectors.
        ValueError: the inputs have an odd number of channels.
    """

    def __init__(
        self,
        *,
        backbone: dict,
        decode_head: dict,
        data_preprocessor: dict | None = None,
        image: Mapping[str, Any] | ImageSpec | None = None,
        classes: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        batch_dates: bool = True,
        early_fusion: bool = False,
        fusion: str = CONCAT,
        auxiliary_head: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        if fusion not in (CONCAT, DIFFERENCE):
            raise ConfigError(f"model.fusion is '{CONCAT}' or '{DIFFERENCE}', not {fusion!r}.")
        if not isinstance(decode_head, dict):
            raise ConfigError(
                f'model.decode_head is the settings of one head, not {type(decode_head).__name__}. '
                'Cascades of heads (CascadeEncoderDecoder) are not supported here.'
            )
        spec = ImageSpec.from_config(image)
        heads = [decode_head, auxiliary_head]
        if classes is not None:
            number = len(ChangeClasses.from_meta(classes))
            heads = [_with_classes(head, number) for head in heads]
        dates = 2 if early_fusion else 1
        encoder = _with_bands(backbone, spec, dates=dates)
        super().__init__(
            backbone=encoder,
            decode_head=heads[0],
            auxiliary_head=heads[1],
            data_preprocessor=_with_image(data_preprocessor, spec),
            **kwargs,
        )
        self._check_head(early_fusion, fusion)
        channels = dates * spec.num_bands
        if channels != len(RGB) and 'in_channels' not in encoder:
            widen_stem(self.backbone, channels)
        _freeze_unread_layers(self.backbone)
        for name, value in (
            ('threshold', threshold),
            ('decode_head.threshold', getattr(self.decode_head, 'threshold', None)),
        ):
            if value is not None:
                check_threshold(value, f'model.{name}')
        self.image = spec
        self.classes = (
            ChangeClasses.of_number(self.num_classes)
            if classes is None
            else ChangeClasses.from_meta(classes)
        )
        self.threshold = threshold
        self.batch_dates = batch_dates
        self.early_fusion = early_fusion
        self.fusion = fusion
        # As the inputs. With weights in the other layout a convolution's result is channels last
        # only where its input is; one map sliced on the way, and all behind it is copied about.
        self.to(memory_format=torch.channels_last)

    def _check_head(self, early_fusion: bool, fusion: str) -> None:
        """Check that the head goes with what brings the dates together.

        Raises:
            ConfigError: it does not.
        """
        if isinstance(self.decode_head, BaseCascadeDecodeHead):
            raise ConfigError(
                f'{type(self.decode_head).__name__} refines what a head before it gives, and '
                "cascades of heads are not supported here. Use a head that takes the encoder's "
                'maps alone, such as FCNHead, UPerHead or SegformerHead.'
            )
        if fusion != CONCAT and early_fusion:
            raise ConfigError(
                f'Nothing reads fusion={fusion!r}: with early_fusion=True there is one map a level.'
            )

    def init_weights(self) -> None:
        """Initialise the weights as ``init_cfg`` says: of a seed the same in either layout."""
        if self.is_init:  # which MMEngine says, and leaves the weights as they are
            super().init_weights()
            return
        # Random numbers fill a tensor in the order of its memory.
        self.to(memory_format=torch.contiguous_format)
        with read_by_us(self.backbone):
            super().init_weights()
        self.to(memory_format=torch.channels_last)

    @property
    def size_divisor(self) -> int:
        """Heights and widths are padded to multiples of this."""
        return getattr(self.decode_head, 'size_divisor', 1)

    def extract_feat(self, inputs: Tensor) -> Sequence[Any]:
        """What the head takes.

        For a :class:`PairHead` a pyramid a date, or one with early fusion; else per level
        the map that ``fusion`` makes.
        """
        pair = pad_to_multiple(inputs, self.size_divisor)
        pyramids = self._encode(pair)
        return pyramids if isinstance(self.decode_head, PairHead) else self._fuse(pyramids)

    def _encode(self, pair: Tensor) -> Sequence[Sequence[Tensor]]:
        before, after = split_dates(pair)
        if self.early_fusion:
            return (self._encode_images(pair),)
        one_batch = self.batch_dates or not self.training
        return apply_to_dates(self._encode_images, before, after, one_batch=one_batch)

    def _encode_images(self, images: Tensor) -> Sequence[Tensor]:
        """The encoder's maps of images.

        Raises:
            ConfigError: it gives vectors.
        """
        maps = super().extract_feat(images)
        each_map = [maps] if isinstance(maps, Tensor) else maps
        if any(isinstance(each, Tensor) and each.ndim != 4 for each in each_map):
            raise ConfigError(
                f'{type(self.backbone).__name__} gives vectors, as for classification, where a map '
                '(N, C, H, W) a level is needed. MMPretrain has a setting for it: '
                "gap_before_final_norm=False (ConvNeXt), out_type='featmap' (VisionTransformer)."
            )
        return maps

    def _auxiliary_head_forward_train(
        self, inputs: Sequence[Any], data_samples: SampleList
    ) -> dict[str, Tensor]:
        fused = self._fuse(inputs) if isinstance(self.decode_head, PairHead) else inputs
        # MMSegmentation's heads bring their logits to the label, which must cover the same ground.
        ignored = self.decode_head.ignore_index
        padded = [_with_padded_label(each, self.size_divisor, ignored) for each in data_samples]
        return super()._auxiliary_head_forward_train(fused, padded)

    def _fuse(self, pyramids: Sequence[Any]) -> Any:
        if self.early_fusion:
            return pyramids[0]
        # DDRNet and PIDNet give one map in eval mode, several in training.
        before, after = pyramids
        if isinstance(before, Tensor):
            return fuse_dates(before, after, self.fusion)
        levels = zip(before, after, strict=True)
        return [fuse_dates(*both, self.fusion) for both in levels]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Full-size logits, (N, num_classes, H, W)."""
        size = inputs.shape[2:]
        padded = pad_to_multiple(inputs, self.size_divisor)
        metas = [{**meta, 'img_shape': padded.shape[2:]} for meta in batch_img_metas]
        return crop_to(super().encode_decode(padded, metas), size)

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: OptSampleList = None
    ) -> SampleList:
        """Samples with the pixels decided by the classes and the threshold."""
        return to_samples(seg_logits, data_samples, self)

    def _forward(
        self, inputs: Tensor, data_samples: OptSampleList = None
    ) -> Tensor | tuple[Tensor, ...]:
        output = super()._forward(inputs, data_samples)
        if self.size_divisor == 1:
            return output
        size = inputs.shape[2:]
        if isinstance(output, Tensor):
            return crop_to(output, size)
        return tuple(crop_to(logits, size) for logits in output)


def _with_bands(backbone: dict, image: ImageSpec, *, dates: int) -> dict:
    """The encoder's config with the channels that the images have."""
    channels = dates * image.num_bands
    stated = backbone.get('in_channels', channels)
    if stated != channels:
        raise ConfigError(
            f'The images have {image.describe()}, so the encoder takes {channels} channels, but '
            f'its config states in_channels={stated}. Leave it out: it follows from `image` at the '
            "top of the config, such as image = dict(bands=['red', 'green', 'blue', 'nir'], "
            "dtype='uint16')."
        )
    backbone = copy.deepcopy(backbone)
    if _takes_channels(backbone['type']):
        backbone['in_channels'] = channels
    init_cfg = backbone.get('init_cfg')
    if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
        init_cfg['bands'] = image.bands * dates
    return backbone


def _takes_channels(kind: str | type) -> bool:
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    classes = kind.__mro__ if isinstance(kind, type) else ()
    return any(
        'in_channels' in inspect.signature(vars(each)['__init__']).parameters
        for each in classes[:-1]
        if '__init__' in vars(each)
    )


def _freeze_unread_layers(encoder: nn.Module) -> None:
    """Let the layers behind the last one that is read ask for no gradients.

    MMPretrain's and MMSegmentation's encoders build and run them all the same, such as MobileNetV2
    its last convolution; DistributedDataParallel would wait for their gradients in vain.
    """
    # In an encoder of someone else's, the indices may be of other things than its `layers`.
    if type(encoder).__module__.partition('.')[0] not in ('mmpretrain', 'mmseg'):
        return
    read = getattr(encoder, 'out_indices', ())
    if not read or not all(isinstance(index, int) for index in read) or min(read) < 0:
        return
    # ResNet's stages go by their names, ConvNeXt's by two lists.
    kinds = ['layers' if hasattr(encoder, 'layers') else 'res_layers']
    if type(encoder).__name__ == 'ConvNeXt':
        kinds = ['stages', 'downsample_layers']
    for kind in kinds:
        layers: list[Any] = [
            getattr(encoder, each, None) if isinstance(each, str) else each
            for each in getattr(encoder, kind, ())
        ]
        if not all(isinstance(layer, nn.Module) for layer in layers):
            return  # none is known to be unread: EfficientFormer's `layers` are numbers
        for layer in layers[max(read) + 1 :]:
            layer.requires_grad_(False)


def _with_padded_label(sample: SegDataSample, divisor: int, ignored: int) -> SegDataSample:
    """A sample whose label covers what was padded on to its image, which does not count."""
    label = sample.gt_sem_seg.data
    below, right = (-size % divisor for size in label.shape[-2:])
    if not (below or right):
        return sample
    padded = F.pad(label, (0, right, 0, below), value=ignored)
    return SegDataSample(metainfo=sample.metainfo, gt_sem_seg=PixelData(data=padded))


def _with_classes(head: Any, number: int) -> Any:
    """A head's config with the number of classes that the data set has."""
    if head is None or isinstance(head, (list, tuple)):
        return head and [_with_classes(each, number) for each in head]
    stated = head.get('num_classes', number)
    if stated != number:
        raise ConfigError(
            f'The data set has {number} classes, but {head["type"]} states num_classes={stated}. '
            "Leave it out: it follows from the data set's METAINFO (`metainfo` in the config)."
        )
    return {**head, 'num_classes': number}


def _with_image(preprocessor: Any, image: ImageSpec) -> Any:
    kind = preprocessor.get('type') if isinstance(preprocessor, dict) else None
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    if isinstance(kind, type) and issubclass(kind, PairDataPreprocessor):
        return {**preprocessor, 'image': image}
    return preprocessor
