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


@pytest.mark.parametrize('channels', [2, 6, 8, 24, 26])
def test_bands_keep_their_order(channels):
    raw = torch.stack(batch(channels)['inputs']).float()
    out = PairDataPreprocessor()(batch(channels))['inputs']
    assert out.dtype == torch.float32
    assert torch.equal(out, raw)


def test_the_option_of_former_versions_is_refused():
    with pytest.raises(ConfigError, match=r'has no `bgr_to_rgb`.* states in `image`'):
        PairDataPreprocessor(bgr_to_rgb=True)


def test_a_value_range_is_scaled_to_that_of_8_bit():
    image = dict(bands=['red', 'nir'], dtype='uint16', value_range=(1000, 3000))
    preprocessor = PairDataPreprocessor(image=image, mean=[100.0, 0.0], std=[2.0, 1.0])
    pair = torch.tensor([500.0, 1000.0, 2000.0, 9000.0])[:, None, None]
    expected = torch.tensor([(0 - 100) / 2, 0, (127.5 - 100) / 2, 255])[:, None, None]
    torch.testing.assert_close(preprocessor.normalize(pair), expected)
    torch.testing.assert_close(preprocessor.normalize(pair[None]), expected[None])


def test_other_bands_than_the_model_s():
    preprocessor = PairDataPreprocessor(image=dict())
    with pytest.raises(ImagePairError, match=r'have 4 bands a date, but .* 3 bands \(red, green'):
        preprocessor(batch(8))


@pytest.mark.parametrize('both', [False, True], ids=['one date', 'both dates'])
def test_normalisation_of_both_dates(both):
    mean, std = [1.0, 2.0, 3.0], [2.0, 4.0, 5.0]
    if both:
        mean, std = [*mean, 10.0, 20.0, 30.0], [*std, 1.0, 1.0, 2.0]
    raw = torch.stack(batch()['inputs']).float()
    preprocessor = PairDataPreprocessor(mean=mean, std=std)
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
