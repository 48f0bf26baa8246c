import pytest
import torch

from mmcd.errors import ConfigError, ImagePairError
from mmcd.models import PairDataPreprocessor
from tests.models.building import samples_from_labels


def batch(channels=6, height=4, width=5, num=2):
    images = [
        torch.arange(channels * height * width, dtype=torch.uint8).view(channels, height, width)
        for _ in range(num)
    ]
    samples = samples_from_labels(torch.zeros(num, height, width))
    return dict(inputs=images, data_samples=samples)


def test_each_date_is_turned_to_rgb():
    data = batch()
    out = PairDataPreprocessor()(data)['inputs']
    expected = torch.stack(batch()['inputs']).float()[:, [2, 1, 0, 5, 4, 3]]
    assert out.dtype == torch.float32
    assert torch.equal(out, expected)


def test_other_band_counts_keep_their_order_unless_asked():
    raw = torch.stack(batch(8)['inputs']).float()
    assert torch.equal(PairDataPreprocessor()(batch(8))['inputs'], raw)
    reverse = [3, 2, 1, 0, 7, 6, 5, 4]
    turned = PairDataPreprocessor(bgr_to_rgb=True)(batch(8))['inputs']
    assert torch.equal(turned, raw[:, reverse])


@pytest.mark.parametrize('both', [False, True], ids=['one date', 'both dates'])
def test_normalisation_of_both_dates(both):
    mean, std = [1.0, 2.0, 3.0], [2.0, 4.0, 5.0]
    if both:
        mean, std = [*mean, 10.0, 20.0, 30.0], [*std, 1.0, 1.0, 2.0]
    raw = torch.stack(batch()['inputs']).float()
    preprocessor = PairDataPreprocessor(mean=mean, std=std, bgr_to_rgb=False)
    full_mean = torch.tensor(mean if both else mean * 2)[:, None, None]
    full_std = torch.tensor(std if both else std * 2)[:, None, None]
    torch.testing.assert_close(preprocessor(batch())['inputs'], (raw - full_mean) / full_std)


def test_training_pads_to_a_size_with_ignored_labels():
    data = PairDataPreprocessor(size=(8, 8))(batch(), training=True)
    assert data['inputs'].shape == (2, 6, 8, 8)
    label = data['data_samples'][0].gt_sem_seg.data
    assert label.shape == (1, 8, 8)
    assert (label[:, 4:] == 255).all()


def test_nothing_of_it_is_in_the_state_dict():
    assert not PairDataPreprocessor(mean=[0.0] * 3, std=[1.0] * 3).state_dict()


def test_odd_channels():
    with pytest.raises(ImagePairError, match=r'stacked pair.*\(5, 4, 5\).*StackPair'):
        PairDataPreprocessor()(batch(5))


def test_mean_of_another_number_of_bands():
    preprocessor = PairDataPreprocessor(mean=[0.0] * 3, std=[1.0] * 3)
    with pytest.raises(ImagePairError, match=r'4 bands a date.*has 3 values: give 4'):
        preprocessor(batch(8))


@pytest.mark.parametrize('options', [dict(mean=[1.0]), dict(mean=[1.0], std=[1.0, 2.0])])
def test_mean_and_std_go_together(options):
    with pytest.raises(ConfigError, match='`mean` and `std` go together'):
        PairDataPreprocessor(**options)
