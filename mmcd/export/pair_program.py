"""What an exported file computes: from two images to the probability of change."""

from __future__ import annotations

import copy

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmcd.errors import ExportError
from mmcd.inference import OptimizedSegmentor, optimize_for_inference
from mmcd.inference.export_metadata import DEEPNESS, FULL_SCALE, SEPARATE
from mmcd.inference.graph import for_graph
from mmcd.models.data_preprocessor import PairDataPreprocessor
from mmcd.models.probability import probability_of_logits
from mmcd.models.siamese_encoder_decoder import SiameseEncoderDecoder


class StackedProgram(nn.Module):
    """Bands in order, normalisation, network and probability.

    Args:
        network: normalised pairs (N, 2C, H, W) -> logits (N, 1 or 2, H, W).
        preprocessor: of the trained model; its order of the bands and its normalisation are taken.
        bands: number of bands of one date.
        scale: what the input's values are multiplied by to be those of a file's pixels.

    Shape:
        (N, 2C, H, W), before in the first C channels, in RGB order where C = 3, to the
        probability (N, 1, H, W) and the logits (N, 1 or 2, H, W).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        preprocessor: PairDataPreprocessor,
        *,
        bands: int,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.bands = bands
        self.scale = scale
        # Files are read as BGR where they have three bands; here comes RGB.
        reverse = preprocessor.reverse_bands
        self.reverse = (bands == 3) != (bands == 3 if reverse is None else reverse)
        mean, std = preprocessor.pair_mean, preprocessor.pair_std
        self.normalises = mean is not None
        if mean is not None:
            repeat = 2 * bands // mean.numel()
            self.register_buffer('mean', mean.repeat(repeat)[:, None, None])
            self.register_buffer('std', std.repeat(repeat)[:, None, None])

    def forward(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        pair = pair.float()
        if self.scale != 1:
            pair = pair * self.scale
        if self.reverse:
            last = range(self.bands - 1, -1, -1)
            pair = pair[:, [*last, *(self.bands + band for band in last)]]
        if self.normalises:
            pair = (pair - self.mean) / self.std
        logits = self.network(pair)
        return probability_of_logits(logits), logits


class SeparateProgram(nn.Module):
    """The same with an input for each date, (N, C, H, W)."""

    def __init__(self, stacked: StackedProgram) -> None:
        super().__init__()
        self.stacked = stacked

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        return self.stacked(torch.cat([before, after], dim=1))


def pair_program(model: EncoderDecoder, layout: str) -> nn.Module:
    """The program of a trained model, on the CPU and in eval mode.

    Args:
        model: from :func:`mmcd.apis.init_model`; it is copied.
        layout: a key of :data:`mmcd.inference.export_metadata.INPUT_NAMES`.

    Raises:
        ExportError: it is not known how the model's input is normalised, or how many bands it has.
    """
    bands = bands_of(model)
    model = copy.deepcopy(model).cpu().float().eval()
    preprocessor = model.data_preprocessor
    means = preprocessor.pair_mean
    if means is not None and means.numel() not in (bands, 2 * bands):
        raise ExportError(
            f'The encoder takes {bands} bands a date, but `mean` of the data preprocessor has '
            f'{means.numel()} values.'
        )
    stacked = StackedProgram(
        exportable_network(model),
        preprocessor,
        bands=bands,
        scale=FULL_SCALE if layout == DEEPNESS else 1.0,
    )
    program = SeparateProgram(stacked) if layout == SEPARATE else stacked
    return program.eval().requires_grad_(False)


def exportable_network(model: EncoderDecoder) -> nn.Module:
    """The network in the form that exporters can follow: (N, 2C, H, W) to its logits.

    Height and width must be multiples of the model's ``size_divisor``.
    """
    network = for_graph(optimize_for_inference(model).network)
    # Channels last, an exporter takes conditions on strides for conditions on sizes.
    return network.to(memory_format=torch.contiguous_format)


def bands_of(model: EncoderDecoder) -> int:
    """How many bands of one date a model takes.

    Raises:
        ExportError: the model is none that can be exported.
    """
    if isinstance(model, OptimizedSegmentor) or not isinstance(model, EncoderDecoder):
        raise ExportError(
            'Only a trained segmentor, as mmcd.apis.init_model gives it, can be exported, but not '
            f'{type(model).__name__}.'
        )
    if not isinstance(model.data_preprocessor, PairDataPreprocessor):
        raise ExportError(
            'The exported file holds the normalisation, which is known of PairDataPreprocessor '
            f'only; the model has {type(model.data_preprocessor).__name__}.'
        )
    convs = (part for part in model.backbone.modules() if isinstance(part, nn.Conv2d))
    first = next(convs, None)
    if first is None:
        raise ExportError(
            f'How many bands {type(model.backbone).__name__} takes is not known: it has no '
            'convolution.'
        )
    # Others than the Siamese one pass both dates through the encoder at once.
    return first.in_channels if isinstance(model, SiameseEncoderDecoder) else first.in_channels // 2
