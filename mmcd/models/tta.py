"""Test-time augmentation for change maps."""

from __future__ import annotations

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.models.probability import change_probability
from mmcd.registry import MODELS


@MODELS.register_module()
class PairTTAModel(BaseTTAModel):
    """Averages the change probability over the augmentations of a pair; changed above 0.5.

    MMSegmentation's SegTTAModel takes the sigmoid of single-channel logits twice, and drops all
    of a sample's metadata but one path.

    Args:
        module: the model's config.
        data_preprocessor: see :class:`mmengine.model.BaseTTAModel`.
    """

    def merge_preds(self, data_samples_list: list[list[SegDataSample]]) -> list[SegDataSample]:
        """One sample a pair, with ``pred_sem_seg`` (1, H, W)."""
        merged = []
        for samples in data_samples_list:
            probability = torch.stack([change_probability(s) for s in samples]).mean(dim=0)
            sample = samples[0]
            changed = (probability > 0.5).long()[None]
            sample.set_data({'pred_sem_seg': PixelData(data=changed)})
            merged.append(sample)
        return merged
