"""OSCD in the layout of its authors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.datasets import OSCDDataset
from mmcd.datasets.oscd import IMAGES, PREFIX
from mmcd.errors import (
    ConfigError,
    DatasetError,
    DatasetNotFoundError,
    ImagePairError,
    LabelError,
)
from tests.tiny_scenes import write_tiny_oscd

VAL = ['cupertino', 'rennes']
PIPELINE = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel')]
RGB = dict(bands=['red', 'B03', 'blue'], dtype='uint16')
PUBLISHED = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'OSCD'


@pytest.fixture(scope='module')
def oscd(tmp_path_factory):
    return write_tiny_oscd(tmp_path_factory.mktemp('oscd'))


def build(root, split='train', **kwargs):
    return OSCDDataset(
        data_root=str(root), split=split, **{'val_cities': VAL, 'pipeline': PIPELINE} | kwargs
    )


def cities(dataset):
    return [Path(dataset[index]['before_path']).parent.name for index in range(len(dataset))]


def test_splits_are_those_of_the_authors_less_the_validation_cities(oscd):
    assert cities(build(oscd)) == ['bercy', 'paris']
    assert cities(build(oscd, 'val')) == VAL
    assert cities(build(oscd, 'test')) == ['dubai', 'rio']
    assert cities(build(oscd, val_cities=[])) == ['bercy', 'cupertino', 'paris', 'rennes']


def test_all_bands_come_in_order_of_wavelengths(oscd):
    sample = build(oscd, 'test')[0]
    assert sample['before'].shape == sample['after'].shape == (48, 60, 13)
    assert (sample['before'] // 1000 == np.arange(13)).all()  # B8A is the ninth, not the last


def test_bands_go_by_either_name_in_any_order(oscd):
    sample = build(oscd, 'test', image=RGB)[0]
    assert (sample['before'] // 1000 == [3, 2, 1]).all()


def test_a_band_that_sentinel2_does_not_have_is_refused(oscd):
    with pytest.raises(ImagePairError, match=r'no file for the band thermal.*B04 \(red\)'):
        build(oscd, image=dict(bands=['red', 'thermal'], dtype='uint16'))[0]


def test_both_label_files_say_the_same_in_their_own_encodings(oscd):
    png, tif = build(oscd), build(oscd, label_file='tif')
    for index in range(len(png)):
        assert 0 < png[index]['gt_seg_map'].mean() < 1
        assert np.array_equal(png[index]['gt_seg_map'], tif[index]['gt_seg_map'])


def test_a_label_read_with_the_wrong_encoding_is_refused_with_the_right_one_named(oscd):
    dataset = build(oscd, label_file='tif', label_encoding=dict(unchanged=0, changed=255))
    with pytest.raises(LabelError, match=r'dict\(unchanged=1, changed=2\)'):
        dataset[0]


def test_grey_values_of_a_png_label_are_cut_at_127(tmp_path):
    root = write_tiny_oscd(tmp_path)
    path = root / f'{PREFIX}Test Labels' / 'dubai' / 'cm' / 'cm.png'
    label = np.tile(np.arange(60, dtype=np.uint8) * 4, (48, 1))
    Image.fromarray(label).save(path)
    assert np.array_equal(build(root, 'test')[0]['gt_seg_map'], label > 127)


def test_bands_of_other_resolutions_are_brought_to_one_grid_once(tmp_path):
    root = write_tiny_oscd(tmp_path / 'native', rect=False)
    image = dict(bands=['red', 'rededge071', 'coastal'], dtype='uint16')
    sample = build(root, 'test', image=image)[0]
    assert sample['before'].shape == (48, 60, 3)
    assert (sample['before'][..., 0] // 1000 == 3).all()
    made = sorted(path.relative_to(root / 'rect') for path in (root / 'rect').rglob('*.tif'))
    assert [str(path) for path in made[:3]] == [
        f'dubai/imgs_1_rect/{band}.tif' for band in ('B01', 'B04', 'B05')
    ]
    times = [(root / 'rect' / path).stat().st_mtime_ns for path in made]
    again = build(root, 'test', image=image)[0]
    assert np.array_equal(again['before'], sample['before'])
    assert times == [(root / 'rect' / path).stat().st_mtime_ns for path in made]


def test_each_date_is_standardised_by_its_whole_scene(oscd):
    image = RGB | dict(standardize=True)
    whole = build(oscd, 'test', image=image)[0]
    for date in ('before', 'after'):
        assert whole[date].mean() == pytest.approx(0, abs=1e-4)
        assert whole[date].std() == pytest.approx(1, abs=1e-4)
        assert abs(whole[date][..., 0].mean()) > 0.5  # by ONE mean over all bands
    part = build(oscd, 'test', image=image, windows=dict(size=16, stride=16))[0]
    assert np.array_equal(part['before'], whole['before'][:16, :16])


def test_missing_cities_are_all_named(tmp_path):
    root = write_tiny_oscd(tmp_path)
    shutil.rmtree(root / IMAGES / 'paris')
    (root / f'{PREFIX}Train Labels' / 'bercy' / 'cm' / 'cm.png').unlink()
    with pytest.raises(DatasetNotFoundError, match=r'2 of the(?s:.)*bercy(?s:.)*paris'):
        build(root)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(split='val', val_cities=[]), 'names cities of train to validate on'),
        (dict(val_cities=['dubai']), 'training cities are bercy, cupertino'),
        (dict(split='all'), "`split` is 'train', 'val' or 'test'"),
        (dict(label_file='jpg'), "`label_file` is 'png' or 'tif'"),
    ],
)
def test_settings_that_fit_no_split_are_refused(oscd, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(oscd, **settings)


def test_a_folder_that_is_no_oscd_is_told_what_is_expected(tmp_path):
    with pytest.raises(DatasetNotFoundError, match='OSCDDataset expects'):
        build(tmp_path)


def test_a_list_of_cities_that_is_no_text(tmp_path):
    root = write_tiny_oscd(tmp_path)
    (root / IMAGES / 'train.txt').write_bytes(b'\xff\xfe\0a')
    with pytest.raises(DatasetError, match=r'train\.txt is no text in UTF-8: .*name the cities'):
        build(root)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason='the published set is not beside the checkout')
@pytest.mark.slow
def test_the_published_set_has_the_published_numbers_of_changed_pixels():
    """Labels alone: their files are there as published."""
    changed = total = 0
    for city in (PUBLISHED / 'train.txt').read_text().replace(',', '\n').split():
        label = np.asarray(Image.open(PUBLISHED / 'labels' / f'{city}.png'))
        label = label if label.ndim == 2 else label[..., 0]
        changed += int((label > 127).sum())
        total += label.size
    assert (total - changed, changed) == (6_368_388, 149_190)
