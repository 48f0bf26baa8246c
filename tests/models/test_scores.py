from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmseg.models.segmentors import BaseSegmentor
from mmseg.structures import SegDataSample

from mmcd.models.scores import to_samples
from mmcd.structures import ChangeClasses


def model(channels: int) -> SimpleNamespace:
    return SimpleNamespace(
        classes=ChangeClasses.of_number(max(channels, 2)),
        threshold=0.5,
        align_corners=False,
        decode_head=SimpleNamespace(threshold=0.5),
    )


@pytest.mark.parametrize('channels', [1, 2, 3])
@pytest.mark.parametrize(
    'meta',
    [
        dict(ori_shape=(12, 20)),
        dict(ori_shape=(9, 18), img_padding_size=(0, 2, 0, 3)),
        dict(ori_shape=(9, 18), padding_size=(1, 1, 2, 1)),
        dict(ori_shape=(12, 20), flip=True, flip_direction='horizontal'),
        dict(ori_shape=(12, 20), flip=True, flip_direction='vertical'),
        dict(ori_shape=(24, 41)),
    ],
    ids=str,
)
def test_what_the_pipeline_did_is_undone_as_mmsegmentation_does(channels: int, meta: dict) -> None:
    logits = torch.randn(2, channels, 12, 20, generator=torch.Generator().manual_seed(0))
    ours, theirs = ([SegDataSample(metainfo=meta) for _ in logits] for _ in range(2))
    to_samples(logits, ours, model(channels))
    BaseSegmentor.postprocess_result(model(channels), logits, theirs)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own.seg_logits.data, other.seg_logits.data)
        if channels < 3:  # of three, the threshold is for all kinds of change together
            assert torch.equal(own.pred_sem_seg.data, other.pred_sem_seg.data.long())


def test_without_samples_they_are_made() -> None:
    samples = to_samples(torch.zeros(2, 2, 4, 5), None, model(2))
    assert [tuple(sample.pred_sem_seg.shape) for sample in samples] == [(4, 5)] * 2
