"""The check for what whole scenes need besides the rest of mmcd."""

from __future__ import annotations

from importlib import util

from mmcd.errors import MissingExtraError

PACKAGES = ('rasterio', 'shapely', 'pyogrio')


def require_geo() -> None:
    """Check that the extra ``geo`` is installed.

    Raises:
        MissingExtraError: naming what is missing and the command that installs it.
    """
    missing = [name for name in PACKAGES if not _is_installed(name)]
    if missing:
        raise MissingExtraError(
            f'Whole scenes need {", ".join(missing)}, which {"are" if missing[1:] else "is"} not '
            "installed. In a checkout of mmcd: python -m pip install -e '.[geo]'"
        )


def _is_installed(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except ValueError:  # an import of it that failed has left a mark
        return False
