"""Inputs that come from others: what they name is not followed unless it is allowed."""

from __future__ import annotations

import functools
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil

from mmcd.errors import ImagePairError, MMCDError, SceneError, SceneStoppedError
from mmcd.io.images import read_image
from mmcd.scene import sources
from mmcd.scene.settings import SceneSettings
from tests.scene.mapping import map_small
from tests.scene.rasters import draw_ground, first_band, read_raster, utm, write_raster

SIZE = 80, 90
GEOREFERENCE = '<SRS>EPSG:32633</SRS><GeoTransform>400000,0.5,0,5600000,0,-0.5</GeoTransform>'
PYTHON = """<PixelFunctionType>f</PixelFunctionType>
<PixelFunctionLanguage>Python</PixelFunctionLanguage>
<PixelFunctionCode><![CDATA[
def f(in_ar, out_ar, *args, **kwargs):
    open({marker!r}, 'w')
]]></PixelFunctionCode>"""


def vrt(source: str, *, relative: int = 1, kind: str = '', inner: str = '') -> str:
    """Three bands, each of them band 1 of the source."""
    subclass = f' subClass="{kind}"' if kind else ''
    if kind == 'VRTRawRasterBand':
        body = f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename>'
    else:
        body = (
            f'{inner}<SimpleSource><SourceFilename relativeToVRT="{relative}">{source}'
            '</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
        )
    bands = ''.join(
        f'<VRTRasterBand dataType="Byte" band="{n}"{subclass}>{body}</VRTRasterBand>'
        for n in (1, 2, 3)
    )
    return (
        f'<VRTDataset rasterXSize="{SIZE[1]}" rasterYSize="{SIZE[0]}">{GEOREFERENCE}{bands}'
        '</VRTDataset>'
    )


class Requests(SimpleHTTPRequestHandler):
    """Serves files and counts who asks."""

    seen: list[str]

    def send_head(self):
        type(self).seen.append(self.path)
        return super().send_head()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of the folder; Requests.seen holds what was asked for."""
    Requests.seen = []
    handler = functools.partial(Requests, directory=str(tmp_path))
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_raster(tmp_path / 'in' / 'image.tif', draw_ground(*SIZE), utm())


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / 'in' / 'below').mkdir(parents=True)
    (tmp_path / 'secret').mkdir()
    (tmp_path / 'secret' / 'text').write_bytes(b'secret ' * 20_000)
    write_raster(tmp_path / 'secret' / 'image.tif', draw_ground(*SIZE, 3), utm())


def attack(name: str, folder: Path, address: str) -> str:
    """What is given as the before image."""
    secret = folder / 'secret'
    text = {
        'absolute': lambda: vrt(str(secret / 'image.tif'), relative=0),
        'upwards': lambda: vrt('../secret/image.tif'),
        'raw': lambda: vrt(str(secret / 'text'), relative=0, kind='VRTRawRasterBand'),
        'raw upwards': lambda: vrt('below/../../secret/text', kind='VRTRawRasterBand'),
        'link': lambda: vrt('below/link.tif'),
        'curl': lambda: vrt(f'/vsicurl/{address}/secret/image.tif', relative=0),
        'curl, as if relative': lambda: vrt(f'/vsicurl/{address}/secret/image.tif'),
        'curl options': lambda: vrt(f'/vsicurl?url={address}/secret/image.tif', relative=0),
        's3': lambda: vrt('/vsis3/bucket/image.tif', relative=0),
        'zip of curl': lambda: vrt(f'/vsizip//vsicurl/{address}/a.zip/a.tif', relative=0),
        'inline': lambda: vrt(vrt(str(secret / 'image.tif'), relative=0).replace('<', '&lt;')),
        'inline service': lambda: vrt(service(address).replace('<', '&lt;'), relative=0),
        'a driver by name': lambda: vrt(f'GTIFF_DIR:1:{secret / "image.tif"}', relative=0),
        'connection': lambda: vrt(f'vrt://{secret / "image.tif"}?bands=1', relative=0),
        'nested': lambda: vrt('below/inner.vrt'),
        'warped': lambda: warped(str(secret / 'image.tif')),
        'python': lambda: vrt(
            'image.tif',
            kind='VRTDerivedRasterBand',
            inner=PYTHON.format(marker=str(folder / 'marker')),
        ),
        'service': lambda: service(address),
        'not XML': lambda: vrt(str(secret / 'image.tif'), relative=0) + '<',
    }
    if name == 'address':
        return f'/vsicurl/{address}/secret/image.tif'
    if name == 'plain address':
        return f'{address}/secret/image.tif'
    if name == 'text for a path':
        return vrt(str(secret / 'image.tif'), relative=0)
    (folder / 'in' / 'below' / 'inner.vrt').write_text(vrt('../../secret/image.tif'))
    if name == 'link':
        (folder / 'in' / 'below' / 'link.tif').symlink_to(secret / 'image.tif')
    path = folder / 'in' / 'attack.vrt'
    path.write_text(text[name]())
    return str(path)


def service(address: str) -> str:
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}/${{z}}</ServerUrl></Service>'
        '<DataWindow><UpperLeftX>400000</UpperLeftX><UpperLeftY>5600000</UpperLeftY>'
        '<LowerRightX>400045</LowerRightX><LowerRightY>5599960</LowerRightY>'
        f'<SizeX>{SIZE[1]}</SizeX><SizeY>{SIZE[0]}</SizeY><TileLevel>0</TileLevel></DataWindow>'
        '<Projection>EPSG:32633</Projection><BandsCount>3</BandsCount></GDAL_WMS>'
    )


def warped(source: str) -> str:
    bands = ''.join(
        f'<VRTRasterBand dataType="Byte" band="{n}" subClass="VRTWarpedRasterBand"/>'
        for n in (1, 2, 3)
    )
    return (
        f'<VRTDataset rasterXSize="{SIZE[1]}" rasterYSize="{SIZE[0]}" '
        f'subClass="VRTWarpedDataset">{GEOREFERENCE}{bands}<GDALWarpOptions>'
        f'<SourceDataset relativeToVRT="0">{source}</SourceDataset></GDALWarpOptions></VRTDataset>'
    )


ATTACKS = (
    'absolute', 'upwards', 'raw', 'raw upwards', 'link', 'curl', 'curl, as if relative',
    'curl options', 's3', 'zip of curl', 'inline', 'inline service', 'a driver by name',
    'connection', 'nested', 'warped', 'python', 'service', 'not XML', 'address', 'plain address',
    'text for a path',
)  # fmt: skip


@pytest.mark.parametrize('name', ATTACKS)
def test_nothing_is_reached(image: Path, tmp_path: Path, served: str, name: str) -> None:
    given = attack(name, tmp_path, served)
    with pytest.raises((SceneError, SceneStoppedError)):
        map_small(first_band, given, image, tmp_path / 'out' / 'map.tif')
    assert not Requests.seen and not (tmp_path / 'marker').exists()
    assert not (tmp_path / 'out' / 'map.tif').exists()


@pytest.mark.parametrize(
    'name', ['curl', 'curl, as if relative', 'curl options', 'zip of curl', 'inline service']
)
def test_without_the_check_of_the_text_gdal_is_kept_from_the_network(
    image: Path, tmp_path: Path, served: str, name: str
) -> None:
    """The second line: GDAL's own options."""
    given = attack(name, tmp_path, served)
    with patch.object(sources, '_check_vrt', lambda *_: None), suppress(MMCDError):
        map_small(first_band, given, image, tmp_path / 'out' / 'map.tif')
    assert not Requests.seen


@pytest.mark.parametrize('name', ['absolute', 'upwards', 'raw', 'connection', 'warped'])
def test_without_the_check_of_the_text_files_elsewhere_are_seen(
    image: Path, tmp_path: Path, name: str
) -> None:
    """The second line: what GDAL says that it has opened."""
    given = attack(name, tmp_path, '')
    with (
        patch.object(sources, '_check_vrt', lambda *_: None),
        pytest.raises((SceneError, SceneStoppedError)),
    ):
        map_small(first_band, given, image, tmp_path / 'out' / 'map.tif')
    assert not (tmp_path / 'out' / 'map.tif').exists()


def test_python_is_not_run_where_all_else_is_allowed(image: Path, tmp_path: Path) -> None:
    given = attack('python', tmp_path, '')
    with pytest.raises(SceneError, match='holds Python code, which mmcd does not run'):
        map_small(first_band, given, image, tmp_path / 'map.tif', allow_remote=True)


@pytest.mark.parametrize('name', ['absolute', 'upwards', 'link', 'nested'])
def test_what_is_allowed_is_read(image: Path, tmp_path: Path, name: str) -> None:
    given = attack(name, tmp_path, '')
    map_small(first_band, given, image, tmp_path / 'map.tif', allow_remote=True)
    expected = first_band(draw_ground(*SIZE, 3)[None])[0]
    np.testing.assert_allclose(read_raster(tmp_path / 'map_p.tif'), expected, atol=1e-6)


@pytest.mark.parametrize('name', ['absolute', 'curl', 'address'])
def test_the_remedy_is_named(image: Path, tmp_path: Path, served: str, name: str) -> None:
    with pytest.raises(SceneError, match=r'allow it: --allow-remote \(allow_remote=True\)'):
        map_small(first_band, attack(name, tmp_path, served), image, tmp_path / 'map.tif')


@pytest.mark.parametrize('kind', ['beside', 'below', 'written by GDAL', 'nested', 'no ending'])
def test_a_vrt_of_files_beside_it_works(image: Path, tmp_path: Path, kind: str) -> None:
    folder = image.parent
    below = write_raster(folder / 'below' / 'image.tif', draw_ground(*SIZE), utm())
    given = folder / ('mosaic' if kind == 'no ending' else 'mosaic.vrt')
    if kind == 'written by GDAL':
        rasterio.shutil.copy(image, given, driver='VRT')
    elif kind == 'nested':
        (folder / 'below' / 'inner.vrt').write_text(vrt('image.tif'))
        given.write_text(vrt('below/inner.vrt'))
    else:
        given.write_text(vrt('image.tif' if kind == 'beside' else str(below), relative=0))
        given.write_text(vrt('below/image.tif' if kind == 'below' else 'image.tif'))
    map_small(first_band, given, image, tmp_path / 'map.tif')
    expected = first_band(draw_ground(*SIZE)[None])[0]
    np.testing.assert_allclose(read_raster(tmp_path / 'map_p.tif'), expected, atol=1e-6)


POLYGONS = ('a VRT of polygons', 'a command', 'a VRT in an archive', 'an address', 'a text')


def attack_by_polygons(name: str, folder: Path, address: str) -> str:
    """What is given as the mask or the zones."""
    secret = folder / 'secret' / 'zones.geojson'
    shape = dict(type='Polygon', coordinates=[[[0, 0], [90, 0], [0, 89], [0, 0]]])
    feature = dict(type='Feature', properties=dict(name='secret'), geometry=shape)
    secret.write_text(json.dumps(dict(type='FeatureCollection', features=[feature])))
    text = (
        '<OGRVRTDataSource><OGRVRTLayer name="zones">'
        f'<SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
    )
    line = f'gdal vector edit {secret} --output-format stream streamed_dataset'
    command = json.dumps(dict(type='gdal_streamed_alg', command_line=line))
    if name == 'an address':
        return f'/vsicurl/{address}/secret/zones.geojson'
    if name == 'a text':
        return command
    path = folder / 'in' / ('zones.geojson' if name == 'a command' else 'zones.vrt')
    if name != 'a VRT in an archive':
        path.write_text(command if name == 'a command' else text)
        return str(path)
    with zipfile.ZipFile(folder / 'in' / 'zones.zip', 'w') as archive:
        archive.writestr('zones.vrt', text)
    return f'/vsizip/{folder / "in" / "zones.zip"}/zones.vrt'


@pytest.mark.parametrize('given_as', ['mask', 'zones'])
@pytest.mark.parametrize('name', POLYGONS)
def test_nothing_is_reached_by_polygons(
    image: Path, tmp_path: Path, served: str, name: str, given_as: str
) -> None:
    given = {given_as: attack_by_polygons(name, tmp_path, served)}
    with pytest.raises(SceneError, match=r'allow it: --allow-remote|a raster or as polygons'):
        map_small(first_band, image, image, tmp_path / 'out' / 'map.tif', **given)
    assert not Requests.seen and not (tmp_path / 'out' / 'map.tif').exists()


@pytest.mark.parametrize('name', ['a VRT of polygons', 'an address'])
def test_polygons_that_are_allowed_are_read(
    image: Path, tmp_path: Path, served: str, name: str
) -> None:
    given = attack_by_polygons(name, tmp_path, served)
    out = tmp_path / 'map.tif'
    report = map_small(first_band, image, image, out, zones=given, allow_remote=True).report
    (zone,) = report['zones']
    assert zone['name'] == 'secret' and zone['valid_pixels'] == SIZE[0] * SIZE[1]


def test_without_the_check_of_the_path_pyogrio_is_kept_from_the_network(
    image: Path, tmp_path: Path, served: str
) -> None:
    given = attack_by_polygons('an address', tmp_path, served)
    with (
        patch('mmcd.scene.exclusions.check_path'),
        pytest.raises(SceneError, match='as a raster or as polygons'),
    ):
        map_small(first_band, image, image, tmp_path / 'map.tif', zones=given)
    assert not Requests.seen
    assert all(pyogrio.get_gdal_config_option(name) is None for name in sources.CLOSED)


def test_zeros_after_an_error_are_not_mapped(image: Path, tmp_path: Path, monkeypatch) -> None:
    """GDAL refuses the Python of a VRT once, and gives zeros from then on."""
    given = attack('python', tmp_path, '')
    monkeypatch.setattr(sources, '_check_vrt', lambda *_: None)
    with pytest.raises(SceneError, match='could not be read, and then it could'):
        map_small(first_band, given, image, tmp_path / 'map.tif')


def test_a_source_that_is_missing_ends_the_run(image: Path, tmp_path: Path) -> None:
    given = image.parent / 'mosaic.vrt'
    given.write_text(vrt('gone.tif'))
    # GDAL says it at each read, or only at the first.
    with pytest.raises(
        (SceneError, SceneStoppedError),
        match=r'Cannot read the before image|could not be read, and',
    ):
        map_small(first_band, given, image, tmp_path / 'map.tif')


def test_a_training_image_is_no_vrt_whatever_its_name(image: Path, tmp_path: Path) -> None:
    (image.parent / 'other.tif').write_text(vrt('../secret/image.tif'))
    with pytest.raises(ImagePairError, match='Cannot read the image'):
        read_image(image.parent / 'other.tif')


def test_it_is_a_setting() -> None:
    assert SceneSettings().allow_remote is False
