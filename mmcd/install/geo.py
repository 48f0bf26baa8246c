"""The check for what whole scenes need besides the rest of mmcd."""

from __future__ import annotations

from mmcd.install.extras import require_packages

PACKAGES = ('rasterio', 'shapely', 'pyogrio')


def require_geo() -> None:
    """Check that the extra ``geo`` is installed.

    Raises:
        MissingExtraError: naming what is missing and the command that installs it.
    """
    require_packages('Mapping whole scenes', PACKAGES, 'geo')
