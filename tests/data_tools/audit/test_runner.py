"""Each fault is planted into a clean data set, and is what the audit then finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmcd.config import load_config
from mmcd.data_tools.audit.runner import run_audit
from mmcd.data_tools.audit.splits import splits_of_config, splits_of_folder
from mmcd.errors import DatasetNotFoundError
from mmcd.models.data_preprocessor import PairDataPreprocessor
from mmcd.registry import DATASETS
from tests.data_tools.audit.planting import (
    SIDE,
    audit,
    copy_pair,
    draw,
    found,
    read,
    the,
    write,
    write_clean,
)
from tests.golden import SHARED, needs_samples
from tests.tiff_files import write_tiff


@pytest.fixture
def clean(tmp_path) -> Path:
    return write_clean(tmp_path / 'clean')


def test_a_clean_set_has_no_findings(clean):
    report = audit(clean)
    assert not report.findings, report.as_text()
    train = report.splits[0]
    assert (train.name, train.pairs) == ('train', 3)
    label = np.stack([read(path) for path in sorted((clean / 'train' / 'label').iterdir())])
    assert train.share == pytest.approx((label == 255).mean())
    images = np.stack([read(p) for f in 'AB' for p in sorted((clean / 'train' / f).iterdir())])
    assert train.moments.mean == pytest.approx(images.mean(axis=(0, 1, 2)))
    assert train.moments.deviation == pytest.approx(images.std(axis=(0, 1, 2)), rel=1e-4)


def test_processes_find_the_same_as_one(clean):
    (clean / 'train' / 'B' / 'train_1.png').unlink()
    assert audit(clean, workers=2).as_dict() == audit(clean).as_dict()


@pytest.mark.parametrize('folder', ['A', 'B', 'label'])
def test_truncated_png(clean, folder):
    path = clean / 'train' / folder / 'train_1.png'
    path.write_bytes(path.read_bytes()[:-40])
    assert the(audit(clean), 'truncated').files == (str(path),)


def test_a_flipped_bit(clean):
    path = clean / 'train' / 'A' / 'train_1.png'
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    assert 'checksum' in the(audit(clean), 'truncated').text


def test_truncated_jpeg_which_decoders_fill_up(tmp_path):
    root = write_clean(tmp_path)
    for path in root.glob('*/[AB]/*.png'):
        write(path.with_suffix('.jpg'), read(path), quality=90)
        path.unlink()
    assert not found(audit(root))
    path = root / 'test' / 'A' / 'test_0.jpg'
    path.write_bytes(path.read_bytes()[:3000])
    assert the(audit(root), 'truncated').files == (str(path),)


def test_no_image_at_all(clean):
    path = clean / 'val' / 'A' / 'val_0.png'
    path.write_bytes(b'not an image')
    assert the(audit(clean), 'unreadable').files == (str(path),)


@pytest.mark.parametrize('folder', ['A', 'B', 'label'])
def test_missing_partner(clean, folder):
    (clean / 'test' / folder / 'test_1.png').unlink()
    finding = the(audit(clean), 'missing partner')
    role = {'A': 'before', 'B': 'after', 'label': 'label'}[folder]
    assert f'there is no {role}' in finding.text
    assert len(finding.files) == 2


def test_sizes_that_differ(clean):
    path = clean / 'train' / 'B' / 'train_0.png'
    write(path, read(path)[:80])
    assert the(audit(clean), 'size mismatch').files == (str(path),)
    label = clean / 'val' / 'label' / 'val_0.png'
    write(label, read(label)[:, :90])
    report = audit(clean)
    assert [f.files for f in report.findings if f.check == 'size mismatch'] == [
        (str(path),), (str(label),)
    ]  # fmt: skip


def test_value_254_in_a_mask(clean):
    path = clean / 'train' / 'label' / 'train_2.png'
    label = read(path).copy()
    label[3, 4] = 254
    write(path, label)
    finding = the(audit(clean), 'label values')
    assert finding.files == (str(path),) and '254 (1 pixels)' in finding.text


def test_labels_that_look_black(clean):
    for path in clean.glob('*/label/*.png'):
        write(path, read(path) // 255)
    report = audit(clean)
    assert [f.check for f in report.findings] == ['label values'] * 6
    assert 'label_encoding=dict(unchanged=0, changed=1)' in report.findings[0].text
    assert 'looks black' in report.as_text()
    assert not found(audit(clean, label_encoding=dict(unchanged=0, changed=1)))


def test_black_labels_read_by_a_threshold(clean):
    for path in clean.glob('*/label/*.png'):
        write(path, read(path) // 255)
    report = audit(clean, label_encoding=dict(threshold=127))
    assert found(report) == {'split without change'}
    assert 'looks black' in report.findings[0].text


def test_labels_with_jpeg_noise(clean):
    for path in clean.glob('*/label/*.png'):
        write(path.with_suffix('.jpg'), read(path), quality=75)
        path.unlink()
    report = audit(clean)
    assert found(report) == {'label values'}
    assert 'grey values: compression or resampling' in report.as_text()
    assert not found(audit(clean, label_encoding=dict(threshold=127)))


def test_inverted_labels(clean):
    for path in clean.glob('train/label/*.png'):
        write(path, 255 - read(path))
    assert the(audit(clean), 'inverted labels').split == 'train'


def test_coloured_label(clean):
    path = clean / 'train' / 'label' / 'train_0.png'
    write(path, np.stack([read(path), read(path) // 2, read(path)], axis=-1))
    assert the(audit(clean), 'label colours').files == (str(path),)


def test_a_split_without_change(clean):
    for path in clean.glob('val/label/*.png'):
        write(path, np.zeros((SIDE, SIDE), np.uint8))
    report = audit(clean)
    assert the(report, 'split without change').split == 'val'
    assert report.splits[1].without_change == ['val_0']


def test_constant_and_empty_images(clean):
    constant = clean / 'train' / 'A' / 'train_0.png'
    write(constant, np.full((SIDE, SIDE, 3), 9, np.uint8))
    empty = clean / 'test' / 'B' / 'test_1.png'
    image = read(empty).copy()
    image[:60] = 0
    write(empty, image)
    report = audit(clean)
    assert the(report, 'constant image').files == (str(constant),)
    assert the(report, 'no data').files == (str(empty),)
    assert 'black' in the(report, 'no data').text


def test_equal_dates_with_and_without_change(clean):
    path = clean / 'train' / 'B' / 'train_1.png'
    write(path, read(clean / 'train' / 'A' / 'train_1.png'))
    assert the(audit(clean), 'same dates, changed').severity == 'error'
    write(clean / 'train' / 'label' / 'train_1.png', np.zeros((SIDE, SIDE), np.uint8))
    assert the(audit(clean), 'same dates').severity == 'warning'


def test_a_pair_shifted_by_five_pixels(clean):
    path = clean / 'train' / 'B' / 'train_2.png'
    write(path, np.roll(read(path), 5, axis=1))
    finding = the(audit(clean), 'misregistered')
    assert finding.files == (str(path),)
    assert finding.text == 'the second date lies +0 px down and +5 px right'


def test_images_of_another_size_or_depth(clean):
    for folder in ('A', 'B', 'label'):
        path = clean / 'train' / folder / 'train_0.png'
        write(path, read(path)[:80])
    for folder in ('A', 'B'):
        path = clean / 'test' / folder / 'test_0.png'
        write(path, np.asarray(Image.open(path).convert('L')))
    report = audit(clean)
    assert '1 of 80x96' in the(report, 'mixed sizes').text
    assert '1 of 1 x uint8' in the(report, 'mixed bands').text


def test_sixteen_bit_bands(tmp_path):
    rng = np.random.RandomState(0)
    before, after, label = draw(rng)
    for folder, image in (('A', before), ('B', after)):
        deep = np.concatenate([image, image[..., :1]], axis=2).astype(np.uint16) * 12
        write_tiff(tmp_path / folder / 'one.tif', deep)
    write(tmp_path / 'label' / 'one.png', label)
    report = audit(tmp_path)
    assert not report.findings, report.as_text()
    assert len(report.splits[0].moments.mean) == 4


def test_nothing_to_audit(tmp_path):
    with pytest.raises(DatasetNotFoundError, match='no folder'):
        splits_of_folder(tmp_path / 'none')
    for folder in ('A', 'B', 'label'):
        (tmp_path / folder).mkdir()
    with pytest.raises(DatasetNotFoundError, match='no images'):
        run_audit(splits_of_folder(tmp_path), 1)
    with pytest.raises(DatasetNotFoundError, match='--before'):
        run_audit(splits_of_folder(tmp_path, dict(before_dir='T1')), 1)


def test_json_holds_all_that_was_found(clean):
    copy_pair(clean, 'train_1', 'test_7')
    content = json.loads(json.dumps(audit(clean).as_dict()))
    assert (content['errors'], content['warnings']) == (1, 0)
    assert content['findings'][0]['check'] == 'leak'
    assert content['splits']['train']['pairs'] == 3


@needs_samples
def test_real_samples():
    crops = audit(SHARED / 'data' / 'LEVIR-CD-256')
    assert crops.splits[0].without_change == ['train_386_0512_0768']
    assert crops.count('error') == 0
    cdd = audit(SHARED / 'data' / 'CDD')
    assert '229 grey values: compression' in cdd.as_text() and cdd.count('error') == 0
    wrong = audit(SHARED / 'data' / 'CDD', label_encoding=dict(unchanged=0, changed=255))
    assert 'dict(threshold=127)' in the(wrong, 'label values').text
    # Coarse, drawn by hand as polygons, but a clean mask.
    dsifn = audit(SHARED / 'data' / 'DSIFN-CD-256')
    assert not dsifn.count('error') and 0.1 < dsifn.splits[0].share < 0.2
    black = audit(SHARED / 'data' / 'DSIFN-CD-256', label_encoding=dict(unchanged=0, changed=1))
    assert sum(f.check == 'label values' for f in black.findings) == 4


BANDS = ['red', 'green', 'blue', 'nir']


def write_deep(root: Path, number: int = 2) -> Path:
    """Pairs of four bands of uint16 in 0..12,000 with labels of three classes."""
    rng = np.random.RandomState(0)
    for index in range(number):
        before, after, label = draw(rng)
        for folder, image in (('A', before), ('B', after)):
            deep = np.concatenate([image, image[..., :1] // 2 + 40], axis=2).astype(np.uint16) * 47
            write_tiff(root / 'train' / folder / f'{index}.tif', deep)
        label = label // 255
        label[:, SIDE // 2 :] *= 2
        write(root / 'train' / 'label' / f'{index}.png', label)
    return root


def config_of(root: Path, **image) -> Config:
    dataset = dict(
        type='BitemporalDataset',
        data_root=str(root),
        split='train',
        image_suffixes='.tif',
        label_encoding=dict(unchanged=0, built=1, razed=2),
        metainfo=dict(classes=['unchanged', 'built', 'razed']),
        pipeline=[dict(type='LoadImagePair'), dict(type='StackPair')],
    )
    image = dict(bands=BANDS, dtype='uint16') | image
    return load_config(Config(dict(image=image, train_dataloader=dict(dataset=dataset))))


@pytest.mark.parametrize(
    'image', [{}, dict(value_range=(0, 9000)), dict(bands=['nir', 'red'], file_bands=[4, 1])]
)
def test_the_printed_figures_normalise_what_the_network_gets(tmp_path, image):
    """Pasted into the data preprocessor, they give each band mean 0 and deviation 1."""
    config = config_of(write_deep(tmp_path), **image)
    text = run_audit(splits_of_config(config), 1).as_text()
    pasted = eval(text[text.index('dict(data_preprocessor=') :].splitlines()[0])
    assert f'({", ".join(config.image.bands)})' in text
    preprocessor = PairDataPreprocessor(image=config.image, **pasted['data_preprocessor'])
    pairs = [sample['img'] for sample in DATASETS.build(config.train_dataloader.dataset)]
    values = preprocessor.normalize(torch.from_numpy(np.stack(pairs)).movedim(-1, 1))
    bands = values.double().unflatten(1, (2, -1)).movedim(2, 0).flatten(1)
    assert bands.mean(dim=1).abs().max() < 1e-4
    assert (bands.std(dim=1) - 1).abs().max() < 1e-4


def test_shares_of_several_classes(tmp_path):
    report = run_audit(splits_of_config(config_of(write_deep(tmp_path))), 1)
    labels = np.stack([read(p) for p in (tmp_path / 'train' / 'label').iterdir()])
    shares = [(labels == index).mean() for index in range(3)]
    content = json.loads(json.dumps(report.as_dict()))['splits']['train']
    assert list(content['class_shares'].values()) == pytest.approx(shares)
    assert content['changed_share'] == pytest.approx(sum(shares[1:]))
    assert f'train: unchanged {shares[0]:.2%}, built {shares[1]:.2%}, razed' in report.as_text()
    for path in (tmp_path / 'train' / 'label').iterdir():
        write(path, read(path) % 2)
    report = run_audit(splits_of_config(config_of(tmp_path)), 1)
    assert the(report, 'class without pixels').text == 'no pixel of razed'


def test_images_that_are_not_as_the_config_states(tmp_path):
    root = write_deep(tmp_path)
    write_tiff(root / 'train' / 'B' / '1.tif', np.zeros((SIDE, SIDE, 3), np.uint16))
    finding = the(run_audit(splits_of_config(config_of(root)), 1), 'image description')
    assert finding.files == (str(root / 'train' / 'B' / '1.tif'),)
    assert 'has 3 bands of uint16, but the model takes 4 bands' in finding.text
    (root / 'train' / 'B' / '1.tif').write_bytes(b'no image')
    the(run_audit(splits_of_config(config_of(root)), 1), 'unreadable')


def test_values_that_are_not_numbers(tmp_path):
    image = draw(np.random.RandomState(0))[0].astype(np.float32)
    for folder in 'AB':
        image = image + 1
        if folder == 'B':
            image[4:7, 5, 1] = np.nan
        write_tiff(tmp_path / folder / 'one.tif', image)
    write(tmp_path / 'label' / 'one.png', np.full((SIDE, SIDE), 255, np.uint8))
    report = audit(tmp_path)
    assert the(report, 'not a number').text == '0.03% of the pixels are NaN or infinite'
    assert np.isfinite(report.splits[0].moments.mean).all()
