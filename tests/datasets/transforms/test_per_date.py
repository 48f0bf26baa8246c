import numpy as np
import pytest

from mmcd.config import load_config
from mmcd.datasets.transforms import ForEachDate
from mmcd.registry import TRANSFORMS
from tests.models.building import CONFIGS

JITTER = dict(type='mmpretrain.ColorJitter', brightness=0.2, hue=0.1, backend='cv2')


def stacked(seed=0):
    date = np.random.default_rng(seed).integers(0, 256, (16, 20, 3)).astype(np.uint8)
    return np.concatenate([date, date], axis=2)


def test_each_date_has_its_own_draw():
    np.random.seed(0)
    jitter = ForEachDate(transforms=[JITTER])
    factors = []
    for _ in range(40):
        before, after = np.split(jitter(dict(img=stacked()))['img'].astype(float), 2, axis=2)
        factors.append((before.mean(), after.mean()))
    before, after = np.array(factors).T
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.4
    assert before.std() > 5 and after.std() > 5


def test_the_order_of_the_dates_stays():
    image = np.concatenate([np.full((4, 4, 3), 10, np.uint8), np.full((4, 4, 3), 200, np.uint8)], 2)
    result = ForEachDate(transforms=[])(dict(img=image, gt_seg_map='untouched'))
    assert np.array_equal(result['img'], image)
    assert result['gt_seg_map'] == 'untouched'


def test_the_transforms_see_one_date_and_nothing_else():
    seen = []

    def look(results):
        seen.append((list(results), results['img'].shape, results['img'].flags['C_CONTIGUOUS']))
        return results

    ForEachDate(transforms=[look])(dict(img=stacked(), gt_seg_map=0))
    assert seen == [(['img'], (16, 20, 3), True)] * 2


def test_colour_transforms_of_mmcv_see_bgr_and_the_rest_rgb():
    seen = []

    def look(results):
        seen.append(results['img'].copy())
        return results

    image = stacked()
    result = ForEachDate(transforms=[look])(dict(img=image.copy()))['img']
    assert np.array_equal(result, image)
    assert np.array_equal(seen[0], image[..., [2, 1, 0]])


@pytest.mark.parametrize('config', ['prx_levir.py', 'prx_s2looking.py', 'prx_dsifn.py'])
def test_recipes_jitter_as_published(config):
    """On the crop, not on the whole tile; none on DSIFN-CD."""
    pipeline = load_config(CONFIGS / config).train_dataloader.dataset.pipeline
    kinds = [step['type'].split('.')[-1] for step in pipeline]
    jitters = [step for step in pipeline if step['type'] == 'ForEachDate']
    assert len(jitters) == (config != 'prx_dsifn.py')
    for step in jitters:
        (jitter,) = step['transforms']
        assert kinds.index('ForEachDate') > kinds.index('RandomCrop')
        strengths = [jitter[key] for key in ('brightness', 'contrast', 'saturation', 'hue')]
        assert strengths == [0.2, 0.2, 0.1, 0.1]
        TRANSFORMS.build(step)(dict(img=stacked()))
