"""A predictor as a segmentor of MMSegmentation, for its runner, metrics and hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.models.segmentors import BaseSegmentor
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmcd.errors import PredictionError
from mmcd.inference.predictor import ChangePredictor, exchange_dates
from mmcd.models.scores import to_samples

LEAST = torch.finfo(torch.float32).tiny  # keeps logarithms of scores finite
# Of windows that go through the network together: as many as a batch of tiles of a scene.
PIXELS_AT_ONCE = 2**20
PATHS = ('before_path', 'after_path')  # where the pipelines note the files of a pair


class PredictorSegmentor(BaseSegmentor):
    """Runs a predictor on batches of a test pipeline, in windows where the config asks for them.

    Its ``seg_logits`` are the logarithms of the scores, which have the same softmax as a network's
    logits, also where overlapping windows are averaged.

    Args:
        predictor: what answers.
        test_cfg: ``mode='whole'``, or ``mode='slide'`` with ``crop_size`` and ``stride`` (height,
            width), as of MMSegmentation's EncoderDecoder.
        exchange: predict each pair in the other order of its dates too; samples then have
            ``exchanged_sem_seg`` (1, H, W), by which ChangeMetric tells the gap between the two.
    """

    def __init__(
        self,
        predictor: ChangePredictor,
        test_cfg: Mapping[str, Any] | None = None,
        *,
        exchange: bool = False,
    ) -> None:
        # Values pass as they are: normalising is a part of the predictor.
        super().__init__(data_preprocessor=SegDataPreProcessor())
        self.predictor = predictor
        self.test_cfg = test_cfg or dict(mode='whole')
        self.exchange = exchange
        self.align_corners = getattr(predictor, 'align_corners', False)
        self.eval()

    @property
    def classes(self) -> Any:
        """The predictor's classes."""
        return self.predictor.classes

    @property
    def threshold(self) -> float:
        """The predictor's threshold."""
        return self.predictor.threshold

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Samples with ``seg_logits`` (K, H, W) and ``pred_sem_seg`` (1, H, W).

        Raises:
            PredictionError: naming the pair for which the predictor gave no scores.
        """
        try:
            logits = self.encode_decode(inputs, [])
        except PredictionError as error:
            if data_samples is None:
                raise
            pair = data_samples[error.index].metainfo
            raise error.at(' and '.join(pair[k] for k in PATHS if k in pair) or 'a pair') from error
        exchanged = None
        if self.exchange:
            # In samples of its own, with what postprocessing reads of the others.
            own = data_samples and [SegDataSample(metainfo=s.metainfo) for s in data_samples]
            other = self.encode_decode(exchange_dates(inputs), [])
            exchanged = to_samples(other, own, self)
        samples = to_samples(logits, data_samples, self)
        for sample, turned in zip(samples, exchanged or (), strict=False):
            sample.set_data({'exchanged_sem_seg': turned.pred_sem_seg})
        return samples

    def encode_decode(self, inputs: Tensor, batch_data_samples: list) -> Tensor:
        """Logarithms of the scores, (N, K, H, W) float32."""
        if self.test_cfg['mode'] == 'slide':
            return self._slide(inputs)
        return self._log_scores(inputs)

    def _log_scores(self, inputs: Tensor) -> Tensor:
        return self.predictor.predict_scores(inputs).clamp(min=LEAST).log()

    def _slide(self, inputs: Tensor) -> Tensor:
        """The mean over windows. MMSegmentation pads each one's logits to the whole image."""
        height, width = inputs.shape[2:]
        crop, stride = self.test_cfg['crop_size'], self.test_cfg['stride']
        windows = [
            (..., slice(*rows), slice(*columns))
            for rows in _windows(height, crop[0], stride[0])
            for columns in _windows(width, crop[1], stride[1])
        ]
        number = len(inputs)
        at_once = max(PIXELS_AT_ONCE // (number * min(crop[0], height) * min(crop[1], width)), 1)
        total: Any = None
        count = inputs.new_zeros(1, 1, height, width, dtype=torch.float32)
        for start in range(0, len(windows), at_once):
            some = windows[start : start + at_once]
            try:
                scores = self._log_scores(torch.cat([inputs[window] for window in some]))
            except PredictionError as error:
                error.index %= number
                raise
            if total is None:
                total = scores.new_zeros(number, scores.shape[1], height, width)
            for window, part in zip(some, scores.split(number), strict=True):
                total[window] += part
                count[window] += 1
        return total / count.to(total.device)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Tensor:
        return self.encode_decode(inputs, [])

    def extract_feat(self, inputs: Tensor) -> Any:
        """There is none: a predictor answers with scores."""
        raise RuntimeError('A predictor has no features: use the model that it was made from.')

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """There is none: a predictor is not trained."""
        raise RuntimeError('A predictor has no losses: train the model that it was made from.')


def _windows(size: int, crop: int, stride: int) -> list[tuple[int, int]]:
    """First position of each window, and the one after its last; the last window moves back."""
    number = max(size - crop + stride - 1, 0) // stride + 1
    ends = [min(index * stride + crop, size) for index in range(number)]
    return [(max(end - crop, 0), end) for end in ends]
