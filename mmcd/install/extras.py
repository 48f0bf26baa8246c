"""The check that the packages of an extra are installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import util

from mmcd.errors import MissingExtraError


def require_packages(purpose: str, packages: Sequence[str], extra: str) -> None:
    """Check that an extra's packages are installed, without importing them.

    Args:
        purpose: what needs them, as the beginning of a sentence, such as 'Exporting models'.
        packages: the names that they are imported by.
        extra: the extra of mmcd that installs them.

    Raises:
        MissingExtraError: naming what is missing and the command that installs it.
    """
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        raise MissingExtraError(
            f'{purpose} needs {", ".join(missing)}, which {"are" if missing[1:] else "is"} not '
            f"installed. In a checkout of mmcd: python -m pip install -e '.[{extra}]'"
        )


def _is_installed(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except ValueError:  # an import that failed leaves the name in sys.modules without a spec
        return False


PACKAGES = ('rasterio', 'shapely', 'pyogrio')


def require_geo() -> None:
    """Check that the extra ``geo`` is installed.

    Raises:
        MissingExtraError: naming what is missing and the command that installs it.
    """
    require_packages('Mapping whole scenes', PACKAGES, 'geo')
