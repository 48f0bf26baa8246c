"""From a trained model to one that answers the same, faster."""

from __future__ import annotations

from typing import cast

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from mmcd.errors import ConfigError
from mmcd.inference.as_trained import NetworkAsTrained
from mmcd.inference.graph import for_graph
from mmcd.inference.precision import precision_dtype
from mmcd.inference.restructured_darnet import OptimizedDARNet
from mmcd.inference.restructured_prx import OptimizedPRX
from mmcd.inference.segmentor import OptimizedSegmentor
from mmcd.models.backbones.unet_encoder import UNetEncoder
from mmcd.models.decode_heads.darnet_head import DARNetHead
from mmcd.models.decode_heads.prx_head import PRXHead
from mmcd.models.siamese_encoder_decoder import SiameseEncoderDecoder


def optimize_for_inference(
    model: nn.Module, *, precision: str = 'float32', compile: bool = False
) -> OptimizedSegmentor:
    """A model of the same interface that answers the same, faster.

    DARNet and PRX-Change are restructured: batch norms folded, nothing computed that only
    training needs, and each operation done where it is cheapest (see
    :mod:`mmcd.inference.restructured_darnet` and :mod:`mmcd.inference.restructured_prx`). Other
    models run as they are, channels last and in the chosen precision. The trained model is left as
    it is, and later changes of its weights are not seen.

    Args:
        model: a trained model, such as :func:`mmcd.apis.init_model` gives.
        precision: 'float32' (the trained model's logits up to rounding, 1e-5), 'bfloat16' (faster
            on processors with AMX or AVX-512 BF16 and on GPUs) or 'float16' (GPUs).
        compile: pass the network through ``torch.compile``; the first pair of each size then takes
            about a minute more.

    Returns:
        On the model's device, in eval mode; ``mode='tensor'`` gives the prediction's logits alone.

    Raises:
        ConfigError: no such precision, or the device does not work in it; or the model is no
            segmentor of MMSegmentation.

    Example:
        >>> fast = optimize_for_inference(model, precision='bfloat16')
        >>> result = predict_pair(fast, 'before.png', 'after.png')
    """
    if isinstance(model, OptimizedSegmentor):
        return model
    if not isinstance(model, EncoderDecoder):
        raise ConfigError(
            'optimize_for_inference takes a segmentor of MMSegmentation (EncoderDecoder and its '
            f'kin, such as SiameseEncoderDecoder), but got {type(model).__name__}.'
        )
    dtype = precision_dtype(precision, next(model.parameters()).device)
    # Ordinary tensors also where the caller is in inference mode: the result may outlive it.
    with torch.inference_mode(False), torch.no_grad():
        network = _network(model, dtype).requires_grad_(False)
    network.eval()
    if compile:
        # Whole maps: strips are for eager execution, a compiler makes its own.
        network = cast(nn.Module, torch.compile(for_graph(network)))
    return OptimizedSegmentor(model, network, precision=precision)


def _network(model: EncoderDecoder, dtype: torch.dtype) -> nn.Module:
    if isinstance(model, SiameseEncoderDecoder) and not model.with_neck:
        backbone, head = model.backbone, model.decode_head
        if isinstance(backbone, UNetEncoder) and isinstance(head, DARNetHead):
            return OptimizedDARNet(backbone, head.decoder, dtype)
        if isinstance(head, PRXHead):
            return OptimizedPRX(backbone, head.decoder, dtype)
    return NetworkAsTrained(model, dtype)
