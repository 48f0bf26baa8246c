"""What an input may reach: files that come from others must not read this machine's or call out.

A VRT is a text that names other files, and GDAL follows it anywhere: to ``/etc``, to addresses, to
inline Python. Unless it is allowed by name, an input is a local file, and a VRT's sources are files
in the VRT's own folder or below it. VRTs of polygons are not followed at all.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyogrio
from rasterio.io import DatasetReader

from mmcd.errors import SceneError

# How GDAL is kept from the network, whatever format leads it there: through a proxy that nobody
# has, and with no file name that its network file systems take. Python in VRTs is never run.
CLOSED = dict(
    GDAL_HTTP_PROXY='127.0.0.1:9',
    GDAL_HTTPS_PROXY='127.0.0.1:9',
    CPL_VSIL_CURL_ALLOWED_FILENAME='none',
)
ALWAYS = dict(GDAL_VRT_ENABLE_PYTHON='NO')
# Archives and memory; all other virtual file systems of GDAL are remote.
LOCAL_SYSTEMS = ('/vsizip/', '/vsitar/', '/vsigzip/', '/vsi7z/', '/vsimem/')
REMOTE_DRIVERS = (
    'WMS', 'WMTS', 'WCS', 'HTTP', 'DAAS', 'EEDAI', 'PLMOSAIC', 'STACTA', 'STACIT', 'OGCAPI', 'GTI',
)  # fmt: skip
# A prefix that asks for a driver or a protocol; one letter is a drive of Windows.
PREFIX = re.compile(r'[A-Za-z0-9_+.-]{2,}:')
# The start of a text in place of a file, in XML or JSON.
TEXT = re.compile(r'\s*(<|\{\s*")')
VRT_START = b'<VRTDataset'
# Texts that have GDAL run queries or commands over other files: VRTs of polygons, and GDALG.
COMMANDS = (b'<OGRVRTDataSource', b'gdal_streamed_alg')
COMMAND_DRIVERS = ('OGR_VRT', 'GDALG')
HEADER = 1024  # in which GDAL looks for it
DEEPEST = 8  # VRTs within VRTs
REMEDY = 'If you know where the file comes from, allow it: --allow-remote (allow_remote=True).'


def gdal_options(allow_remote: bool) -> dict[str, Any]:
    """GDAL's options for opening and reading inputs."""
    return ALWAYS if allow_remote else {**ALWAYS, **CLOSED}


@contextlib.contextmanager
def pyogrio_options(allow_remote: bool) -> Iterator[None]:
    """The same options while pyogrio reads: its wheel brings a GDAL of its own."""
    options = gdal_options(allow_remote)
    former = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(former)


def check_path(path: str, what: str, *, allow_remote: bool) -> None:
    """Check an input before it is opened.

    Args:
        path: as it was given.
        what: its name in messages, such as 'before image'.
        allow_remote: addresses, and sources in other folders, are fine. Python is not.

    Raises:
        SceneError: it reaches further than it may.
    """
    if not allow_remote and (reason := _is_elsewhere(path)):
        raise SceneError(f'The {what} {path} {reason}; it was not opened. {REMEDY}')
    _check_vrt(Path(path), what, allow_remote, DEEPEST)


def check_no_pipe(path: str, what: str) -> None:
    """Refuse a pipe and a device, which GDAL would wait for for ever.

    Args:
        path: as it was given.
        what: its name in messages, such as 'before image'.

    Raises:
        SceneError: it is one.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise SceneError(
            f'The {what} {path} is a pipe or a device, which may never end. Name a file.'
        )


def check_dataset(dataset: DatasetReader, what: str, *, allow_remote: bool) -> None:
    """Check what GDAL has opened: the driver that it chose, and the files that it will read.

    Raises:
        SceneError: it reaches further than it may.
    """
    if allow_remote:
        return
    if dataset.driver == 'VRT' and not os.path.isfile(dataset.name):
        raise SceneError(
            f'The {what} {dataset.name} is a VRT in an archive; it was not read. Unpack it.'
        )
    here = _folder(Path(dataset.name))
    for file in dataset.files:
        outside = dataset.driver == 'VRT' and not _is_within(Path(file), here)
        if outside or _is_elsewhere(file):
            raise _reaches_out(what, dataset.name, file)
    if dataset.driver in REMOTE_DRIVERS:
        raise SceneError(
            f'The {what} {dataset.name} needs the network ({dataset.driver}); it was '
            f'not read. {REMEDY}'
        )


def check_vectors(path: str, what: str, *, allow_remote: bool) -> None:
    """Check the driver that GDAL chooses for a file of polygons, which may be in an archive.

    Raises:
        SceneError: it reads further files.
    """
    if not allow_remote and pyogrio.read_info(path)['driver'] in COMMAND_DRIVERS:
        raise _has_commands(what, path)


def _check_vrt(path: Path, what: str, allow_remote: bool, depth: int) -> None:
    text = _read_vrt(path)
    if not allow_remote and any(command in text[:HEADER] for command in COMMANDS):
        raise _has_commands(what, str(path))
    if VRT_START not in text[:HEADER]:
        return
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SceneError(f'The {what} {path} is no VRT that can be read: {error}.') from error
    if any('python' in (node.text or '').lower() for node in _named(root, 'language')):
        raise SceneError(
            f'The {what} {path} holds Python code, which mmcd does not run. Save what it '
            'shows as a GeoTIFF, where you trust it.'
        )
    if allow_remote:
        return
    if depth == 0:
        raise SceneError(f'The {what} {path} nests VRTs {DEEPEST} deep. Save it as GeoTIFF.')
    for node in _named(root, 'filename', 'dataset', 'dsname'):
        source = (node.text or '').strip()
        if not source or len(node):
            continue
        relative = '1' in (node.get('relativeToVRT'), node.get('relativetoVRT'))
        target = path.parent / source if relative else Path(source)
        if _is_elsewhere(source) or not _is_within(target, _folder(path)):
            raise _reaches_out(what, str(path), source)
        _check_vrt(target, what, allow_remote, depth - 1)


def _named(root: ElementTree.Element, *endings: str) -> Iterator[ElementTree.Element]:
    return (node for node in root.iter() if str(node.tag).lower().endswith(endings))


def _read_vrt(path: Path) -> bytes:
    """A VRT's text; of other files the first bytes."""
    try:
        if not path.is_file():
            return b''
        with path.open('rb') as file:
            start = file.read(HEADER)
            return start + file.read() if VRT_START in start else start
    except OSError:  # GDAL will say it
        return b''


def _is_elsewhere(path: str) -> str:
    """Why a name is not that of a local file; '' where it is."""
    if TEXT.match(path):
        return 'is a text in place of a file'
    if path.startswith('/vsi'):
        inner = path
        while inner.startswith(LOCAL_SYSTEMS):
            inner = '/' + inner.split('/', 2)[2].lstrip('/')
        return 'is on the network' if inner.startswith('/vsi') or '://' in inner else ''
    if PREFIX.match(path) and not os.path.exists(path):
        return 'asks for an address or for a driver by name'
    return ''


def _folder(path: Path) -> Path:
    return path.resolve().parent


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)


def _reaches_out(what: str, path: str, source: str) -> SceneError:
    return SceneError(
        f'The {what} {path} reads {source}, which is not in its own folder or below; nothing '
        f'was read. {REMEDY}'
    )


def _has_commands(what: str, path: str) -> SceneError:
    return SceneError(
        f'The {what} {path} is a text that has other files read; nothing was read. {REMEDY}'
    )
