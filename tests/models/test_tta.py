import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.models import PairTTAModel
from mmcd.registry import MODELS
from tests.models.building import build_model


def sample(logits):
    out = SegDataSample(metainfo=dict(before_path='a.png'))
    out.seg_logits = PixelData(data=logits)
    return out


def test_probabilities_are_averaged_not_logits():
    """One augmentation that is very sure does not outvote two that are not."""
    merge = PairTTAModel.merge_preds
    sure = torch.tensor([[[0.0]], [[9.0]]])
    against = torch.tensor([[[0.5]], [[0.0]]])
    (merged,) = merge(None, [[sample(sure), sample(against), sample(against)]])
    mean = (sure.softmax(0)[1] + 2 * against.softmax(0)[1]) / 3
    assert merged.pred_sem_seg.data.shape == (1, 1, 1)
    assert bool(merged.pred_sem_seg.data) == bool(mean > 0.5)
    assert merged.before_path == 'a.png'


def test_single_channel_scores_are_probabilities_already():
    (merged,) = PairTTAModel.merge_preds(None, [[sample(torch.tensor([[[0.4]]]))]])
    assert merged.pred_sem_seg.data.item() == 0


def test_wraps_any_model():
    model = MODELS.build(dict(type='PairTTAModel', module=build_model('darnet_sample.py')))
    assert model.module.decode_head.num_classes == 2
