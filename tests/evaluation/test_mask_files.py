from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmcd.datasets import CDDDataset, LEVIRCDDataset, SYSUCDDataset
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.errors import (
    ConfigError,
    DatasetError,
    DatasetNotFoundError,
    ImagePairError,
    LabelError,
)
from mmcd.evaluation.mask_files import (
    MaskReader,
    check_sizes,
    find_dataset,
    find_label_encoding,
    index_masks,
    read_label,
    read_values,
)
from tests.scene.rasters import write_raster

MASK = np.zeros((8, 12), np.uint8)
MASK[2:6, 3:9] = 1


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def folders(root: Path, predictions: list[str], labels: list[str]) -> tuple[Path, Path]:
    for folder, names in (('p', predictions), ('l', labels)):
        for name in names:
            save(root / folder / name, MASK)
    return root / 'p', root / 'l'


@pytest.mark.parametrize(
    ('predictions', 'labels'),
    [
        (['a.png', 'b.png'], ['a.png', 'b.png']),
        (['a.tif', 'b.PNG'], ['a.png', 'b.jpg']),
        (['a_pred.png', 'b_pred.png'], ['a.png', 'b.png']),
        (['pred_1_x.png', 'pred_10_x.png'], ['1.png', '10.png']),
        (['lyon/cm.png', 'nice/cm.png'], ['lyon/cm.tif', 'nice/cm.tif']),
    ],
)
def test_names_match_whatever_the_endings(
    tmp_path: Path, predictions: list[str], labels: list[str]
) -> None:
    found = index_masks(*folders(tmp_path, predictions, labels))
    assert [pair.prediction.relative_to(tmp_path / 'p').as_posix() for pair in found] == predictions
    assert [pair.label.relative_to(tmp_path / 'l').as_posix() for pair in found] == labels
    assert [pair.name for pair in found] == [label.rpartition('.')[0] for label in labels]


def test_what_is_missing_or_left_over_is_named(tmp_path: Path) -> None:
    where = folders(tmp_path, ['a.png', 'x.png'], ['a.png', 'b.png'])
    with pytest.raises(
        DatasetNotFoundError, match=r'(?s)1 of 2 labels have no mask.*  b\n.*x\.png'
    ):
        index_masks(*where)
    assert [pair.name for pair in index_masks(*where, ['a.png'])] == ['a']
    with pytest.raises(DatasetNotFoundError, match=r'(?s)1 of the names to score .*\n  c'):
        index_masks(*where, ['c'])
    (tmp_path / 'l' / 'b.png').unlink()
    with pytest.raises(DatasetError, match=r'(?s)1 masks have no label.*x\.png'):
        index_masks(*where)
    save(tmp_path / 'p' / 'a.tif', MASK)
    with pytest.raises(DatasetError, match=r'a\.png and .*a\.tif share a name'):
        index_masks(*where)
    (tmp_path / 'e').mkdir()
    with pytest.raises(DatasetNotFoundError, match=r'No image \(\.png, .*'):
        index_masks(tmp_path / 'e', tmp_path / 'l')
    with pytest.raises(DatasetNotFoundError, match='No such folder'):
        index_masks(tmp_path / 'none', tmp_path / 'l')


def test_only_the_masks_of_a_list_need_to_be_there(tmp_path: Path) -> None:
    where = folders(tmp_path, ['1_pred.png', '11_pred.png'], ['1.png', '10.png', '11.png'])
    found = index_masks(*where, ['11.png', '1'])
    assert [pair.prediction.name for pair in found] == ['1_pred.png', '11_pred.png']
    (where[0] / '1_pred.png').unlink()
    with pytest.raises(DatasetNotFoundError, match=r'1 of 1 labels have no mask.*\n  1\n'):
        index_masks(*where, ['1'])


def test_sizes_must_agree(tmp_path: Path) -> None:
    pairs = index_masks(*folders(tmp_path, ['a.png', 'b.png'], ['a.png', 'b.png']))
    check_sizes(pairs)
    save(tmp_path / 'p' / 'b.png', MASK[:5])
    with pytest.raises(
        ImagePairError, match=r'1 masks differ .*\n.*b\.png has \(5, 12\),.*\(8, 12\)'
    ):
        check_sizes(pairs)


def forms() -> dict[str, tuple[str, np.ndarray, dict]]:
    """One mask in many forms: an ending, pixels, options."""
    full = MASK * 255
    rgb = np.repeat(full[..., None], 3, axis=2)
    alpha = np.full((*MASK.shape, 1), 255, np.uint8)
    return {
        'ones': ('.png', MASK, {}),
        'full': ('.png', full, {}),
        'bilevel': ('.png', MASK.astype(bool), {}),
        'RGB': ('.png', rgb, {}),
        'RGBA': ('.png', np.concatenate([rgb, alpha], axis=2), {}),
        'grey and alpha': ('.png', np.concatenate([full[..., None], alpha], axis=2), {}),
        '16 bit': ('.png', MASK.astype(np.uint16) * 65_535, {}),
        '8 bit in 16': ('.png', MASK.astype(np.uint16) * 255, {}),
        'JPEG': ('.jpg', full, dict(quality=90)),
        'BMP': ('.bmp', full, {}),
        'TIFF': ('.tif', full, {}),
        'TIFF of ones': ('.tiff', MASK, {}),
    }


@pytest.mark.parametrize('form', forms())
def test_one_mask_in_many_forms(tmp_path: Path, form: str) -> None:
    suffix, pixels, options = forms()[form]
    path = save(tmp_path / f'a{suffix}', pixels, **options)
    found = MaskReader([path]).read(path)
    assert ((read_label(path) > 127 if pixels.max() > 1 else read_label(path)) == MASK).all()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found > 0.5, MASK > 0)
    if form != 'JPEG':
        np.testing.assert_array_equal(found, MASK)


@pytest.mark.filterwarnings('ignore:Dataset has no geotransform')
@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'int16', 'float32'])
def test_rasters_of_other_types(tmp_path: Path, dtype: str) -> None:
    write_raster(tmp_path / 'a.tif', MASK[None].astype(dtype))
    reader = MaskReader([tmp_path / 'a.tif'])
    np.testing.assert_array_equal(reader.read(tmp_path / 'a.tif'), MASK)
    label = read_label(tmp_path / 'a.tif')
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, MASK)
    with rasterio.open(tmp_path / 'a.tif') as file:
        assert file.dtypes[0] == dtype


@pytest.mark.filterwarnings('ignore:Dataset has no geotransform')
def test_rasters_that_could_be_read_wrong_are_refused(tmp_path: Path) -> None:
    both = np.stack([1 - MASK, MASK]).astype('float32')
    write_raster(tmp_path / 'softmax.tif', both)
    with pytest.raises(LabelError, match=r'softmax\.tif: expected one band, but got 2 that differ'):
        read_values(tmp_path / 'softmax.tif')
    write_raster(tmp_path / 'two.tif', np.stack([MASK * 0, MASK * 255]))
    empty = np.zeros((3, *MASK.shape), np.uint8)
    alpha = write_raster(tmp_path / 'alpha.tif', np.concatenate([empty, MASK[None] * 255]))
    with rasterio.open(alpha, 'r+') as file:
        file.colorinterp = [*file.colorinterp[:3], rasterio.enums.ColorInterp.alpha]
    for read in (read_label, read_values):
        with pytest.raises(LabelError, match='differ in alpha, so the mask may be the alpha'):
            read(tmp_path / 'alpha.tif')
        with pytest.raises(LabelError, match=r'two\.tif: expected one band, but got 2 that differ'):
            read(tmp_path / 'two.tif')


def test_levels_are_probabilities_of_one_scale(tmp_path: Path) -> None:
    levels = np.arange(96, dtype=np.uint8).reshape(8, 12) * 2
    paths = [save(tmp_path / 'a.png', levels), save(tmp_path / 'b.png', MASK * 0 + MASK)]
    reader = MaskReader(paths)
    np.testing.assert_allclose(reader.read(paths[0]), levels / np.float32(255))
    # An almost black map of probabilities is no mask of 0 and 1.
    np.testing.assert_allclose(reader.read(paths[1]), MASK / np.float32(255))
    assert reader.has_levels and reader.describe() == 'probabilities, 0 to 255'
    floats = tmp_path / 'c.tif'
    write_raster(floats, (levels / np.float32(255))[None])
    np.testing.assert_allclose(MaskReader([floats]).read(floats), levels / np.float32(255))


def test_masks_of_two_scales_are_refused(tmp_path: Path) -> None:
    paths = [save(tmp_path / 'a.png', MASK), save(tmp_path / 'b.png', MASK * 255)]
    for order in (paths, paths[::-1]):
        reader = MaskReader(order)
        reader.read(order[0])
        with pytest.raises(LabelError, match=r'Is 1 or 255 change\? .*a\.png holds 0 and 1'):
            reader.read(order[1])


@pytest.mark.parametrize(
    ('value', 'said'),
    [(3.5, 'holds 3.5, where floats should be'), (np.nan, 'holds NaN'), (-1, 'NaN')],
)
def test_what_is_no_probability_is_refused(tmp_path: Path, value: float, said: str) -> None:
    pixels = MASK.astype(np.float32)
    pixels[0, 0] = value
    path = tmp_path / 'a.tif'
    write_raster(path, pixels[None])
    with pytest.raises(LabelError, match=said):
        MaskReader([path]).read(path)


def test_colours_are_refused(tmp_path: Path) -> None:
    pixels = np.stack([MASK * 255, MASK, MASK], axis=2)
    for suffix in ('.png', '.tif'):
        path = save(tmp_path / f'a{suffix}', pixels)
        with pytest.raises(LabelError, match=r'(?s)colou?red.*Convert it\s+to one band'):
            read_values(path)


def test_class_indices_are_read_strictly(tmp_path: Path) -> None:
    path = save(tmp_path / 'a.png', MASK * 2)
    encoding = LabelEncoding(unchanged=0, built=1, felled=2)
    np.testing.assert_array_equal(MaskReader([path], encoding).read(path), MASK * 2)
    save(path, MASK * 7)
    with pytest.raises(LabelError, match='expected the values 0 unchanged, 1 built, 2 felled'):
        MaskReader([path], encoding).read(path)


@pytest.mark.parametrize('changed', [1, 255])
def test_the_labels_encoding_is_found(tmp_path: Path, changed: int) -> None:
    predictions, labels = folders(tmp_path, ['a.png', 'b.png'], ['a.png', 'b.png'])
    save(labels / 'a.png', MASK * 0)
    save(labels / 'b.png', MASK * changed)
    pairs = index_masks(predictions, labels)
    assert find_label_encoding(pairs) == dict(unchanged=0, changed=changed)
    save(labels / 'a.png', MASK * 38 + 1)
    with pytest.raises(LabelError, match=r'a\.png holds 1, 39, neither 0 and 255 nor 0 and 1'):
        find_label_encoding(pairs)


def test_data_sets_by_name() -> None:
    for name in ('levir', 'LEVIR-CD', 'levir_cd', 'LEVIRCDDataset'):
        assert find_dataset(name) is LEVIRCDDataset
    assert find_dataset('cdd') is CDDDataset and find_dataset('sysu-cd') is SYSUCDDataset
    with pytest.raises(ConfigError, match=r'No such data set: x\. There are .*LEVIRCD'):
        find_dataset('x')
