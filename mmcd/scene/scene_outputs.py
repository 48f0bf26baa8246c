"""The files that a scene's run writes, and that none of them is one that it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmcd.errors import SceneError

RASTER_SUFFIXES = ('.tif', '.tiff')
VECTOR_SUFFIXES = ('.gpkg', '.geojson')


@dataclass(frozen=True)
class SceneOutputs:
    """Where the results go.

    Args:
        mask: the change map, GeoTIFF.
        probability: the probability of change, GeoTIFF; None: not written.
        vectors: polygons, GeoPackage or GeoJSON; None: not written.

    Raises:
        SceneError: an ending is not one of those, or two names are the same.
    """

    mask: Path
    probability: Path | None = None
    vectors: Path | None = None

    @classmethod
    def named(
        cls, mask: str | Path, probability: str | Path | None, vectors: str | Path | None
    ) -> SceneOutputs:
        """From names."""
        return cls(
            Path(mask),
            None if probability is None else Path(probability),
            None if vectors is None else Path(vectors),
        )

    def absolute(self) -> SceneOutputs:
        """The same files by names that hold in any working folder."""
        return SceneOutputs(
            self.mask.absolute(),
            None if self.probability is None else self.probability.absolute(),
            None if self.vectors is None else self.vectors.absolute(),
        )

    def __post_init__(self) -> None:
        for path, suffixes in (
            (self.mask, RASTER_SUFFIXES),
            (self.probability, RASTER_SUFFIXES),
            (self.vectors, VECTOR_SUFFIXES),
        ):
            if path is not None and path.suffix.lower() not in suffixes:
                raise SceneError(
                    f'The output {path} must end in {" or ".join(suffixes)}: it tells the format.'
                )
        if len(by_file(self.all())) < len(self.all()):
            raise SceneError(f'Two outputs have one name: {", ".join(map(str, self.all()))}.')

    @property
    def report(self) -> Path:
        """The JSON report, beside the map."""
        return self.mask.with_suffix('.json')

    @property
    def quicklook(self) -> Path:
        """The picture of both dates and the map."""
        return self.mask.with_name(f'{self.mask.stem}_quicklook.png')

    @property
    def zones(self) -> Path:
        """The table of the zones."""
        return self.mask.with_name(f'{self.mask.stem}_zones.csv')

    @property
    def stac(self) -> Path:
        """The STAC item."""
        return self.mask.with_suffix('.stac.json')

    @property
    def style(self) -> Path:
        """The QGIS style of the map."""
        return self.mask.with_suffix('.qml')

    @property
    def categories(self) -> Path:
        """The names of the map's values, as GDAL reads them."""
        return self.mask.with_name(f'{self.mask.name}.aux.xml')

    @property
    def needs_probability(self) -> bool:
        """Whether the strips have to keep their probability."""
        return self.probability is not None or self.vectors is not None

    def all(self) -> list[Path]:
        """Those that are written, but for what lies beside the map."""
        return [path for path in (self.mask, self.probability, self.vectors) if path is not None]

    def beside(self) -> list[Path]:
        """What lies beside the map; the settings tell whether the last two are written."""
        return [self.report, self.style, self.categories, self.quicklook, self.zones, self.stac]

    def by_file(self) -> dict[str, str]:
        """The names of all that may be written, see :func:`by_file`."""
        return by_file([*self.all(), *self.beside()])

    def check_apart(self, inputs: Mapping[str, str]) -> None:
        """Make sure that no input would be overwritten.

        Args:
            inputs: names of what is read, from :func:`by_file`.

        Raises:
            SceneError: an output, or a file beside the map, is one of them.
        """
        for file, name in self.by_file().items():
            if file in inputs:
                raise SceneError(
                    f'The output {name} would overwrite the input {inputs[file]}. Name another '
                    'output; the files beside the map have their names from it.'
                )


def by_file(names: Iterable[str | Path]) -> dict[str, str]:
    """Names by the files that they stand for: ``..`` and links give one file several names."""
    return {os.path.realpath(name): str(name) for name in names}
