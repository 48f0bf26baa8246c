"""Labels that are polygons, from the command line to the prepared pairs."""

import numpy as np
import pytest
from PIL import Image

from mmcd.cli.commands.prepare import main
from mmcd.data_tools.prepare.cutting import source_digest
from mmcd.data_tools.prepare.polygons import draw_label
from mmcd.data_tools.prepare.sources import Scene
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.errors import DatasetError, LabelError
from mmcd.structures import BINARY_CHANGE
from tests.scene.rasters import LEFT, TOP, UTM, draw_ground, utm, write_raster

pyogrio = pytest.importorskip('pyogrio')
shapely = pytest.importorskip('shapely')
BINARY = LabelEncoding.from_config(dict(unchanged=0, changed=255), BINARY_CHANGE)


def write_boxes(path, boxes, crs=UTM):
    """Boxes in rows and columns of a raster of half a metre."""
    shapes = [
        shapely.box(LEFT + left / 2, TOP - bottom / 2, LEFT + right / 2, TOP - top / 2)
        for top, left, bottom, right in boxes
    ]
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(shapes)), [], [], geometry_type='Polygon', crs=crs
    )
    return path


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / 'source'
    source.mkdir()
    for date, seed in (('2016', 0), ('2018', 1)):
        write_raster(source / f'town_{date}.tif', draw_ground(60, 80, seed), utm())
    return source


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson', '.shp'])
def test_polygons_are_changes(folder, suffix):
    label = write_boxes(folder / f'l{suffix}', [(10, 20, 30, 50), (40, 0, 50, 10)])
    drawn = draw_label(label, None, folder / 'town_2016.tif', BINARY)
    assert drawn.shape == (60, 80) and set(np.unique(drawn)) == {0, 255}
    assert (drawn[10:30, 20:50] == 255).all() and (drawn > 0).sum() == 20 * 30 + 10 * 10


def test_of_footprints_what_is_at_one_date_only_is_changed(folder):
    stays, goes, comes = (5, 5, 15, 15), (20, 20, 30, 30), (40, 40, 50, 60)
    before = write_boxes(folder / 'b.gpkg', [stays, goes])
    after = write_boxes(folder / 'a.gpkg', [stays, comes])
    drawn = draw_label(before, after, folder / 'town_2016.tif', BINARY)
    assert not drawn[5:15, 5:15].any()
    assert (drawn > 0).sum() == 100 + 200


def test_polygons_of_several_kinds_are_refused(folder):
    kinds = LabelEncoding(unchanged=0, built=1, felled=2)
    label = write_boxes(folder / 'l.gpkg', [(0, 0, 9, 9)])
    with pytest.raises(LabelError, match='Polygons say changed or not'):
        draw_label(label, None, folder / 'town_2016.tif', kinds)


def test_a_file_that_holds_none_is_refused(folder):
    (folder / 'l.geojson').write_text('no json')
    with pytest.raises(LabelError, match=r'Cannot read .*l\.geojson'):
        draw_label(folder / 'l.geojson', None, folder / 'town_2016.tif', BINARY)


@pytest.mark.parametrize('tile', [None, 32])
def test_from_patterns_and_polygons_to_prepared_pairs(folder, tmp_path, tile):
    write_boxes(folder / 'town_new.geojson', [(10, 20, 30, 50)], crs=UTM)
    patterns = '{name}_2016.tif {name}_2018.tif {name}_new.geojson'
    out = tmp_path / 'out'
    words = ['folder', folder, out, '--pairs', patterns, '--split', 1, 0, 0, '--workers', 1]
    words += ['--tile', tile] if tile else []
    assert main([str(word) for word in words]) == 0
    labels = {path.stem: np.asarray(Image.open(path)) for path in out.glob('train/label/*.png')}
    assert len(labels) == (6 if tile else 1)
    if not tile:
        assert (labels['town'] == 255).sum() == 20 * 30


def columns_of(out):
    label = np.asarray(Image.open(out / 'train' / 'label' / 'town.png'))
    return np.flatnonzero((label == 255).any(axis=0))


def test_a_second_label_and_a_mended_one_make_the_label_anew(folder, tmp_path):
    write_boxes(folder / 'town_was.geojson', [(0, 0, 60, 20)])
    write_boxes(folder / 'town_is.shp', [(0, 0, 60, 40)])
    out = tmp_path / 'out'
    words = ['folder', str(folder), str(out), '--split', '1', '0', '0', '--workers', '1']
    patterns = '{name}_2016.tif {name}_2018.tif {name}_was.geojson'
    assert main([*words, '--pairs', patterns]) == 0
    assert list(columns_of(out)) == list(range(20))
    patterns += ' {name}_is.shp'
    assert main([*words, '--pairs', patterns]) == 0
    assert list(columns_of(out)) == list(range(20, 40))
    write_boxes(folder / 'town_is.shp', [(0, 0, 60, 30)])
    assert main([*words, '--pairs', patterns]) == 0
    assert list(columns_of(out)) == list(range(20, 30))


def test_the_parts_of_a_shapefile_count(folder):
    label = write_boxes(folder / 'l.shp', [(0, 0, 9, 9)])
    images = folder / 'town_2016.tif', folder / 'town_2018.tif'
    scene = Scene('town', *images, label, ('train',))
    before = source_digest(scene)
    (folder / 'l.prj').write_text('another grid')
    assert source_digest(scene) != before


def test_masks_of_both_dates_are_no_label(folder, tmp_path):
    for name in ('town_was.png', 'town_is.png'):
        Image.fromarray(np.zeros((60, 80), np.uint8)).save(folder / name)
    patterns = '{name}_2016.tif {name}_2018.tif {name}_was.png {name}_is.png'
    request = (str(folder), str(tmp_path / 'out'), '--pairs', patterns)
    with pytest.raises(DatasetError, match=r'two labels a pair.* as polygons .*town_was\.png'):
        main(['folder', *request])
    assert not (tmp_path / 'out').exists()
