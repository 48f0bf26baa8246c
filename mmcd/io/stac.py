"""STAC items: what catalogues of geodata know of a file (STAC 1.1, https://stacspec.org).

Plain dicts, written as JSON: of the library pystac, nothing but its checks would be of use here,
and those read their schemas over the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmcd.io.hashing import sha256_of
from mmcd.structures import ChangeClasses
from mmcd.version import __version__

VERSION = '1.1.0'
CLASSIFICATION = 'https://stac-extensions.github.io/classification/v2.0.0/schema.json'
FILE = 'https://stac-extensions.github.io/file/v2.1.0/schema.json'
MLM = 'https://stac-extensions.github.io/mlm/v1.5.0/schema.json'
PROCESSING = 'https://stac-extensions.github.io/processing/v1.2.0/schema.json'
PROJECTION = 'https://stac-extensions.github.io/projection/v2.0.0/schema.json'
RASTER = 'https://stac-extensions.github.io/raster/v2.0.0/schema.json'
# A multihash of SHA-256: its code and its length, in hexadecimal.
SHA256_MULTIHASH = '1220'


def make_item(
    name: str,
    properties: Mapping[str, Any],
    assets: Mapping[str, Mapping[str, Any]],
    extensions: Sequence[str],
    *,
    geometry: Mapping[str, Any] | None = None,
    bbox: Sequence[float] | None = None,
) -> dict[str, Any]:
    """An item.

    Args:
        name: its ID.
        properties: of it; a datetime among them.
        assets: the files by their keys, see :func:`file_asset`.
        extensions: addresses of the schemas that the fields are of, besides those of what this
            module writes.
        geometry: of the footprint, GeoJSON in degrees; None: it has no place.
        bbox: west, south, east, north.
    """
    item = dict(
        type='Feature',
        stac_version=VERSION,
        stac_extensions=sorted({*extensions, FILE, CLASSIFICATION, PROCESSING}),
        id=name,
        geometry=geometry,
        properties={**properties, 'processing:software': {'mmcd': __version__}},
        links=[],
        assets=dict(assets),
    )
    return item if bbox is None else dict(item, bbox=list(bbox))


def file_asset(
    path: Path, item: Path, kind: str, roles: Sequence[str], **fields: Any
) -> dict[str, Any]:
    """A file that an item links to.

    Args:
        path: of it.
        item: path of the item, from which the link starts.
        kind: its media type.
        roles: what it is for.
        **fields: more of it.
    """
    return dict(
        href=_link(path, item.parent),
        type=kind,
        roles=list(roles),
        **fields,
        **{
            'file:size': path.stat().st_size,
            'file:checksum': f'{SHA256_MULTIHASH}{sha256_of(path)}',
        },
    )


def _link(path: Path, folder: Path) -> str:
    """From a folder to a file, absolute where there is no way, as from a drive to another one."""
    try:
        link = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.absolute().as_uri()
    return link if link.startswith('../') else f'./{link}'


def class_objects(classes: ChangeClasses, *, no_data: int | None = None) -> list[dict[str, Any]]:
    """The classes by their values; names hold letters, digits, '-' and '_' only.

    Args:
        classes: of a map.
        no_data: the value that stands for none, as a class of its own; None: there is none.
    """
    # MLM's schema refers to version 1.1 of the classification, which requires descriptions.
    found: list[dict[str, Any]] = [
        dict(
            value=value,
            name=re.sub(r'[^0-9A-Za-z_-]+', '_', name),
            title=name,
            description=name,
            color_hint='{:02X}{:02X}{:02X}'.format(*colour),
        )
        for value, (name, colour) in enumerate(zip(classes.names, classes.palette, strict=True))
    ]
    if no_data is not None:
        found.append(dict(value=no_data, name='no_data', description='no data', nodata=True))
    return found


def as_time(moment: datetime) -> str:
    """As RFC 3339, in UTC; without a time zone it is taken for UTC."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return zoned.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
