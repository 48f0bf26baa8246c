"""A segmentor that answers like the trained one, by an optimised network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.utils import OptSampleList
from torch import Tensor, nn

from mmcd.models.layers.padding import crop_to, pad_to_multiple


class OptimizedSegmentor(EncoderDecoder):
    """What :func:`mmcd.inference.optimize_for_inference` gives.

    It takes and gives what the trained model does in ``mode='predict'`` and in ``test_step``.
    ``mode='tensor'`` gives the prediction's logits alone, (N, classes, H, W) in float32; there is
    no ``mode='loss'``.

    Args:
        model: the trained model; its preprocessing and test settings are taken over.
        network: stacked pairs (N, 2C, H, W) -> logits (N, classes, H, W), for sizes that are
            multiples of the model's ``size_divisor``.
        precision: name of the number format that the network works in.
    """

    def __init__(self, model: EncoderDecoder, network: nn.Module, *, precision: str) -> None:
        # Not EncoderDecoder's, which would build a backbone and a head.
        BaseSegmentor.__init__(self, data_preprocessor=model.data_preprocessor)
        self.network = network
        self.precision = precision
        head = model.decode_head
        head = head[-1] if isinstance(head, nn.ModuleList) else head  # a cascade's last
        self.size_divisor = getattr(head, 'size_divisor', 1)
        # What MMSegmentation's sliding window and its postprocessing look up.
        self.decode_head = SimpleNamespace(threshold=head.threshold)
        self.out_channels = model.out_channels
        self.align_corners = model.align_corners
        self.test_cfg = model.test_cfg
        self.cfg = getattr(model, 'cfg', None)
        self.eval()

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Full-size logits, (N, classes, H, W) float32."""
        return self._forward(inputs)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Tensor:
        logits = self.network(pad_to_multiple(inputs, self.size_divisor))
        return crop_to(logits.float(), inputs.shape[2:])

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Any]:
        """There is none.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            'A model from optimize_for_inference has no losses: train the model it was made from.'
        )
