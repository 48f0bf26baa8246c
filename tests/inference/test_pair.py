import numpy as np
import pytest
import torch
from PIL import Image

from mmcd.apis import ChangeResult, init_model, predict_pair
from mmcd.config import load_config
from mmcd.errors import CheckpointError, ConfigError, ImagePairError
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.checkpoint_meta import note
from tests.golden import SHARED, needs_samples
from tests.models.building import CONFIGS

CONFIG = CONFIGS / 'darnet_sample.py'


@pytest.fixture(scope='module')
def model():
    from mmengine.registry import init_default_scope

    init_default_scope('mmcd')
    torch.manual_seed(0)
    return init_model(CONFIG)


def pair(height=40, width=56, bands=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, height, width, bands), dtype=np.uint8)


def test_arrays_in_masks_and_probabilities_out(model):
    before, after = pair()
    result = predict_pair(model, before, after)
    assert isinstance(result, ChangeResult)
    assert result.mask.shape == result.probability.shape == (40, 56)
    assert result.mask.dtype == np.uint8
    assert result.probability.dtype == np.float32
    assert set(np.unique(result.mask)) <= {0, 1}
    assert np.array_equal(result.mask, result.probability > 0.5)


def test_files_give_what_arrays_give(model, tmp_path):
    before, after = pair()
    for name, image in (('before.png', before), ('after.png', after)):
        Image.fromarray(image).save(tmp_path / name)
    from_files = predict_pair(model, tmp_path / 'before.png', str(tmp_path / 'after.png'))
    assert np.array_equal(from_files.probability, predict_pair(model, before, after).probability)


def test_arrays_are_rgb_and_before_comes_first(model):
    """The model's own input, put together by hand."""
    before, after = pair()
    stacked = np.concatenate([before, after], axis=2).transpose(2, 0, 1)[None]
    with torch.no_grad():
        logits = model(torch.from_numpy(stacked).float(), mode='tensor')[-1]
    expected = logits.softmax(1)[0, 1].numpy()
    np.testing.assert_allclose(predict_pair(model, before, after).probability, expected, atol=1e-3)


def test_inputs_are_left_as_they_are(model):
    before, after = pair()
    kept = before.copy(), after.copy()
    predict_pair(model, before, after)
    assert np.array_equal(before, kept[0])
    assert np.array_equal(after, kept[1])


def test_checkpoint_is_loaded(model, tmp_path):
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'weights.pth')
    other = init_model(CONFIG, tmp_path / 'weights.pth')
    before, after = pair()
    assert np.array_equal(
        predict_pair(other, before, after).mask, predict_pair(model, before, after).mask
    )
    assert not other.training


def test_checkpoint_of_another_width(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / 'slim.pth')
    with pytest.raises(CheckpointError, match='does not fit the model') as caught:
        init_model(CONFIGS / 'darnet_levir.py', tmp_path / 'slim.pth')
    assert 'of another shape' in str(caught.value)
    assert 'expected (32, 3, 3, 3)' in str(caught.value)


def test_settings_are_merged():
    model = init_model(CONFIG, cfg_options={'image.bands': ['red', 'green', 'blue', 'nir']})
    before, after = pair(bands=4)
    assert predict_pair(model, before, after).mask.shape == (40, 56)


def test_different_sizes(model):
    before, after = pair()
    with pytest.raises(ImagePairError, match=r'differ in shape.*\(40, 56, 3\).*\(20, 56, 3\)'):
        predict_pair(model, before, after[:20])


@pytest.mark.parametrize('image', [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_arrays_of_another_kind(model, image):
    with pytest.raises(ImagePairError, match=r'before image must be an array .* of uint8'):
        predict_pair(model, image, image)


def test_bands_first_are_told(model):
    image = np.zeros((3, 40, 56), np.uint8)
    with pytest.raises(ImagePairError, match=r'has 56 bands.* give image\.transpose\(1, 2, 0\)'):
        predict_pair(model, image, image)


def test_values_from_0_to_1_are_told(model):
    scaled = pair() / np.float32(255)
    with pytest.raises(ImagePairError, match=r"give \(255 \* image\)\.round.*\.astype\('uint8'\)"):
        predict_pair(model, *scaled)
    with pytest.raises(ImagePairError) as error:
        predict_pair(model, *(2 * scaled))
    assert 'round' not in str(error.value)


def test_tensors_are_arrays(model):
    before, after = pair()
    expected = predict_pair(model, before, after).probability
    found = predict_pair(model, torch.from_numpy(before), torch.from_numpy(after)).probability
    assert np.array_equal(found, expected)
    with pytest.raises(ImagePairError, match=r'a Tensor, cannot become a NumPy array: .*'):
        predict_pair(model, torch.zeros(8, 8, 3, dtype=torch.bfloat16), after)


def test_missing_file(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'No such after image: .*gone\.png'):
        predict_pair(model, pair()[0], tmp_path / 'gone.png')


def test_unreadable_file(model, tmp_path):
    (tmp_path / 'text.png').write_text('no image')
    with pytest.raises(ImagePairError, match=r'Cannot (read|decode) the image .*text\.png'):
        predict_pair(model, tmp_path / 'text.png', tmp_path / 'text.png')


def test_unknown_device():
    with pytest.raises(ConfigError, match='The device gpu9 cannot be used'):
        init_model(CONFIG, device='gpu9')


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without a GPU')
def test_cuda_where_there_is_none():
    with pytest.raises(ConfigError, match='PyTorch finds no GPU: use device=cpu'):
        init_model(CONFIG, device='cuda')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu(model):
    before, after = pair()
    cuda = init_model(CONFIG, device='cuda')
    cuda.load_state_dict(model.state_dict())
    np.testing.assert_allclose(
        predict_pair(cuda, before, after).probability,
        predict_pair(model, before, after).probability,
        atol=1e-3,
    )


@needs_samples
def test_real_pair(model):
    folder = SHARED / 'data' / 'LEVIR-CD-256' / 'test'
    name = 'test_102_0512_0000.png'
    assert predict_pair(model, folder / 'A' / name, folder / 'B' / name).mask.shape == (256, 256)


def test_masked_pixels_are_refused(model):
    before, after = pair()
    before = np.ma.masked_array(before, mask=np.zeros_like(before, bool))
    predict_pair(model, before, after)  # nothing is masked
    before[:5] = np.ma.masked
    with pytest.raises(ImagePairError, match=r'before image has masked pixels.*predict_scene'):
        predict_pair(model, before, after)


@pytest.mark.parametrize(
    ('crs', 'right', 'metres', 'fits'),
    [
        ('EPSG:32631', 0.0, 10.0, True),
        ('EPSG:32631', 4.0, 10.0, True),  # less than half a pixel
        ('EPSG:32631', 20.0, 10.0, False),
        ('EPSG:32631', 0.0, 10.1, False),
        ('EPSG:32632', 0.0, 10.0, False),
    ],
)
def test_files_of_different_ground_are_refused(model, tmp_path, crs, right, metres, fits):
    transform = pytest.importorskip('rasterio.transform')
    from tests.scene.rasters import write_raster

    before, after = (image.transpose(2, 0, 1) for image in pair())
    place = transform.from_origin(500000, 5000000, 10.0, 10.0)
    other = transform.from_origin(500000 + right, 5000000, metres, metres)
    paths = (
        write_raster(tmp_path / 'before.tif', before, place, 'EPSG:32631'),
        write_raster(tmp_path / 'after.tif', after, other, crs),
    )
    if fits:
        predict_pair(model, *paths)
        return
    with pytest.raises(ImagePairError, match=r'lie on different grids.*Use predict_scene'):
        predict_pair(model, *paths)


@pytest.mark.parametrize('wrapper', ['ConcatDataset', 'none'])
def test_data_sets_of_a_config_need_not_be_one(model, tmp_path, wrapper):
    """With several, pairs pass the first one's transforms; without any, plain ones."""
    config = load_config(CONFIG)
    expected = predict_pair(model, *pair()).probability
    dataset = config.test_dataloader.dataset
    if wrapper == 'none':
        config.test_dataloader = config.val_dataloader = None
    else:
        config.test_dataloader.dataset = dict(type=wrapper, datasets=[dataset, dataset])
    assert bool(checkpoint_facts(config)['config']['pipeline']) == (wrapper != 'none')
    content = dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(model.dataset_meta)))
    note(content, **checkpoint_facts(config))
    torch.save(content, tmp_path / 'model.pth')
    for source in ([config, tmp_path / 'model.pth'], [tmp_path / 'model.pth']):
        given = predict_pair(init_model(*source), *pair()).probability
        np.testing.assert_array_equal(given, expected)
