"""From a trained model to a network that computes the same logits: faster, or traceable."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmcd.inference.float32_stem import to_precision
from mmcd.inference.restructured_darnet import RestructuredDARNet
from mmcd.inference.restructured_prx import RestructuredPRX
from mmcd.models.backbones.unet_encoder import UNetEncoder
from mmcd.models.decode_heads.darnet_decoder import DARNetDecoder
from mmcd.models.decode_heads.darnet_head import DARNetHead
from mmcd.models.decode_heads.prx_decoder import PRXDecoder
from mmcd.models.decode_heads.prx_head import PRXHead
from mmcd.models.siamese_encoder_decoder import SiameseEncoderDecoder

Network = TypeVar('Network', bound=nn.Module)


def to_traceable(network: Network) -> Network:
    """A copy that works on whole maps, without loops over strips and without writing in place.

    Eager PyTorch is fastest in strips; an exporter or a compiler makes its own, and wants to see
    whole operations. Modules that know both forms have an attribute ``traceable``.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if hasattr(type(module), 'traceable'):
            setattr(module, 'traceable', True)  # noqa: B010  mypy takes any attribute for a module
    return network


class NetworkAsTrained(nn.Module):
    """Any encoder and head of MMSegmentation, from normalised pairs to logits.

    Args:
        model: the trained model, in eval mode; it is not copied.
        input_dtype: of what the model takes; None: that of its weights.

    Shape:
        stacked pairs (N, 2C, H, W) to (N, classes, H, W).
    """

    def __init__(self, model: EncoderDecoder, input_dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.model = model
        self.input_dtype = input_dtype or next(model.parameters()).dtype

    def forward(self, pair: Tensor) -> Tensor:
        # One for the batch: of its length, an exporter would fix the batch size.
        metas = [dict(img_shape=pair.shape[2:], ori_shape=pair.shape[2:])]
        return self.model.encode_decode(pair.to(self.input_dtype), metas)


def restructured_network(model: EncoderDecoder, dtype: torch.dtype) -> nn.Module:
    """A network with the trained model's logits up to rounding, with copies of its weights.

    DARNet and PRX-Change are restructured: batch norms folded, nothing computed that only
    training needs, and each operation done where it is cheapest (see
    :mod:`mmcd.inference.restructured_darnet` and :mod:`mmcd.inference.restructured_prx`). Other
    models, and subclasses of these two, run as they are, channels last.

    Args:
        model: a trained model; it is left as it is.
        dtype: of the weights and the maps.

    Shape:
        normalised pairs (N, 2C, H, W), H and W multiples of the model's ``size_divisor``, to
        (N, classes, H, W).
    """
    # Ordinary tensors also where the caller is in inference mode: the result may outlive it.
    with torch.inference_mode(False), torch.no_grad():
        network = _restructured(model, dtype)
        if network is None:
            network = network_as_trained(model, dtype)
        return network.eval().requires_grad_(False)


def network_as_trained(model: EncoderDecoder, dtype: torch.dtype) -> NetworkAsTrained:
    """A copy of the model, channels last and in one number format, without restructuring."""
    with torch.inference_mode(False), torch.no_grad():
        model = copy.deepcopy(model).eval()
        network = NetworkAsTrained(model, to_precision(model, model.backbone, dtype))
        network.to(memory_format=torch.channels_last)
        return network.eval().requires_grad_(False)


def _restructured(model: EncoderDecoder, dtype: torch.dtype) -> nn.Module | None:
    """The restructured form of a model; None where there is none.

    Only exactly these types have one: it would leave out what a subclass overrides.
    """
    if type(model) is not SiameseEncoderDecoder or model.with_neck:
        return None
    encoder, head = model.backbone, model.decode_head
    decoder: Any = getattr(head, 'decoder', None)
    if [type(each) for each in (encoder, head, decoder)] == [
        UNetEncoder,
        DARNetHead,
        DARNetDecoder,
    ]:
        return RestructuredDARNet(encoder, decoder, dtype)
    if [type(head), type(decoder)] == [PRXHead, PRXDecoder]:
        return RestructuredPRX(encoder, decoder, dtype)
    return None
