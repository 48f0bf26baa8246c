"""What an exported file computes: from two images to the probability of change."""

from __future__ import annotations

import copy

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmcd.errors import ExportError
from mmcd.export.adaptive_pooling import with_exportable_pooling
from mmcd.inference.export_metadata import DEEPNESS, FULL_SCALE, SEPARATE
from mmcd.inference.restructured import network_as_trained, restructured_network, to_traceable
from mmcd.models.data_preprocessor import PairDataPreprocessor
from mmcd.models.model_description import image_of
from mmcd.models.scores import scores_of_logits
from mmcd.structures.change_classes import UNCHANGED


class StackedProgram(nn.Module):
    """Normalisation, network and probability.

    Args:
        network: normalised pairs (N, 2C, H, W) -> logits.
        preprocessor: of the trained model.
        scale: what the input's values are multiplied by to be those of a file's pixels.

    Shape:
        (N, 2C, H, W), before in the first C channels, to the probabilities of the K - 1 kinds of
        change (N, K - 1, H, W) and the logits.
    """

    def __init__(
        self, network: nn.Module, preprocessor: PairDataPreprocessor, *, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.network = network
        self.preprocessor = preprocessor
        self.scale = scale

    def forward(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        pair = pair.float()
        if self.scale != 1:
            pair = pair * self.scale
        logits = self.network(self.preprocessor.normalize(pair))
        return scores_of_logits(logits)[:, UNCHANGED + 1 :], logits


class SeparateProgram(nn.Module):
    """The same with an input for each date, (N, C, H, W)."""

    def __init__(self, stacked: StackedProgram) -> None:
        super().__init__()
        self.stacked = stacked

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        return self.stacked(torch.cat([before, after], dim=1))


def pair_program(model: EncoderDecoder, layout: str, *, optimize: bool = True) -> nn.Module:
    """The program of a trained model, on the CPU and in eval mode.

    Args:
        model: from :func:`mmcd.apis.init_model`; it is copied.
        layout: a key of :data:`mmcd.inference.export_metadata.INPUT_NAMES`.
        optimize: False exports the network as it was trained.

    Raises:
        ExportError: the model is none that can be exported, or its normalisation is not known, or
            does not fit its number of bands.
    """
    check_exportable(model)
    model = copy.deepcopy(model).cpu().float().eval()
    network = exportable_network(model, optimize=optimize)
    scale = FULL_SCALE if layout == DEEPNESS else 1.0
    stacked = StackedProgram(network, model.data_preprocessor, scale=scale)
    program = SeparateProgram(stacked) if layout == SEPARATE else stacked
    return program.eval().requires_grad_(False)


def exportable_network(model: EncoderDecoder, *, optimize: bool = True) -> nn.Module:
    """The network in the form that exporters can follow: (N, 2C, H, W) to its logits.

    Height and width must be multiples of the model's ``size_divisor``.
    """
    make = restructured_network if optimize else network_as_trained
    network = to_traceable(make(model, torch.float32))
    network = with_exportable_pooling(network)
    # Channels last, an exporter takes conditions on strides for conditions on sizes.
    return network.to(memory_format=torch.contiguous_format)


def check_exportable(model: nn.Module) -> None:
    """Check that a model can be exported.

    Raises:
        ExportError: see :func:`pair_program`.
    """
    if not isinstance(model, EncoderDecoder):
        raise ExportError(
            'Only a trained segmentor, as mmcd.apis.init_model gives it, can be exported, but not '
            f'{type(model).__name__}.'
        )
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, PairDataPreprocessor):
        raise ExportError(
            'The exported file holds the normalisation, which is known of PairDataPreprocessor '
            f'only; the model has {type(preprocessor).__name__}.'
        )
    bands = image_of(model).num_bands
    means = preprocessor.pair_mean
    if means is not None and means.numel() not in (bands, 2 * bands):
        raise ExportError(
            f'The model takes {bands} bands a date, but `mean` of the data preprocessor has '
            f'{means.numel()} values.'
        )
