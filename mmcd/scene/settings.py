"""What a user can choose for a scene, in Python and on the command line.

Imports are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mmcd.cli.arguments import add_inference_arguments, add_memory_argument, add_model_arguments
from mmcd.errors import SceneError

RESAMPLINGS = ('nearest', 'bilinear', 'cubic', 'cubic_spline', 'lanczos', 'average')
SCALINGS = ('shared', 'per-date')
DEFAULT_SCALING = SCALINGS[0]
PROBABILITY_TYPES = ('uint8', 'float32')
RASTER_SUFFIXES = ('.tif', '.tiff')
VECTOR_SUFFIXES = ('.gpkg', '.geojson')


@dataclass(frozen=True)
class SceneSettings:
    """How a scene is read, predicted and written.

    Args:
        tile_size: height and width of the tiles; None: what the predictor names, 512 if nothing
            else was exported.
        overlap: pixels that neighbouring tiles share at least.
        batch_size: tiles that the network gets at a time.
        threshold: changed where the probability of all kinds of change is greater; None: the
            model's own.
        bands: numbers of the files' bands, from 1, in the order that the model takes. None: those
            that the image description names, or the bands of these names or colours, or all where
            the number fits; see :func:`mmcd.scene.raster_reader.choose_bands`.
        no_data: value of no data, besides what the files say themselves.
        resampling: how the after image is warped where it lies on another grid.
        scaling: stretch dates of other than 8 bit to the 8 bit that the model was trained on:
            'shared' with one value range for both dates, 'per-date' with one each. None: values
            are never changed, and files of another type than the model's are an error.
        value_range: the values that become 0 and 255 (then ``scaling`` is 'shared' by default);
            None: the 2nd and 98th percentile of the scene, per band.
        probability_type: of the probability's pixels.
        cog: write cloud-optimised GeoTIFFs.
        min_area: smaller areas become no polygon: m², or pixels without a georeference.
        simplify: how far an outline may move, in pixels.

    Raises:
        SceneError: naming every setting that can't be used.
    """

    tile_size: int | None = None
    overlap: int = 128
    batch_size: int = 4
    threshold: float | None = None
    bands: tuple[int, ...] | None = None
    no_data: float | None = None
    resampling: str = 'bilinear'
    scaling: str | None = None
    value_range: tuple[float, float] | None = None
    probability_type: str = 'uint8'
    cog: bool = False
    min_area: float = 10.0
    simplify: float = 0.0

    def __post_init__(self) -> None:
        for name in ('bands', 'value_range'):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else tuple(value))
        if self.value_range is not None and self.scaling is None:
            object.__setattr__(self, 'scaling', DEFAULT_SCALING)
        low, high = self.value_range or (0, 1)
        tile, threshold = self.tile_size, self.threshold
        checks = {
            f'tile size: at least 1, not {tile}': tile is None or tile >= 1,
            f'overlap: from 0 to less than the tile size, not {self.overlap}': (
                self.overlap >= 0 and (tile is None or self.overlap < max(tile, 1))
            ),
            f'batch size: at least 1, not {self.batch_size}': self.batch_size >= 1,
            f'threshold: from 0 to 1, not {threshold}': threshold is None or 0 <= threshold <= 1,
            'bands: at least one': self.bands is None or len(self.bands) > 0,
            f'resampling: one of {", ".join(RESAMPLINGS)}, not {self.resampling}': (
                self.resampling in RESAMPLINGS
            ),
            f'scaling: one of {", ".join(SCALINGS)}, not {self.scaling}': (
                self.scaling in (None, *SCALINGS)
            ),
            f'value range: a lower and a higher value, not {low} {high}': low < high,
            f'probability type: one of {", ".join(PROBABILITY_TYPES)}, not '
            f'{self.probability_type}': self.probability_type in PROBABILITY_TYPES,
            f'minimum area: at least 0, not {self.min_area}': self.min_area >= 0,
            f'simplification: at least 0, not {self.simplify}': self.simplify >= 0,
        }
        faults = [text for text, good in checks.items() if not good]
        if faults:
            raise SceneError('These settings cannot be used:\n  ' + '\n  '.join(faults))

    def completed(self, *, tile_size: int, threshold: float) -> SceneSettings:
        """With a predictor's tile size and threshold where none are chosen.

        Raises:
            SceneError: the overlap does not fit the tile size.
        """
        return replace(
            self,
            tile_size=tile_size if self.tile_size is None else self.tile_size,
            threshold=threshold if self.threshold is None else self.threshold,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


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
        if len(set(self.all())) < len(self.all()):
            raise SceneError(f'Two outputs have one name: {", ".join(map(str, self.all()))}.')

    @property
    def report(self) -> Path:
        """The JSON report, beside the map."""
        return self.mask.with_suffix('.json')

    @property
    def needs_probability(self) -> bool:
        """Whether the strips have to keep their probability."""
        return self.probability is not None or self.vectors is not None

    def all(self) -> list[Path]:
        """Those that are written, but for the report."""
        return [path for path in (self.mask, self.probability, self.vectors) if path is not None]


DEFAULTS = SceneSettings()


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options in their groups."""
    _add_outputs(parser.add_argument_group('outputs'))
    _add_reading(parser.add_argument_group('reading'))
    _add_prediction(parser.add_argument_group('prediction'))


def scene_settings(args: argparse.Namespace) -> SceneSettings:
    """The settings that the options of :func:`add_scene_arguments` name.

    Raises:
        SceneError: some of them can't be used.
    """
    options = vars(args)
    names = [field.name for field in fields(SceneSettings)]
    return SceneSettings(**{name: options[name] for name in names})


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--out', metavar='TIF', help='the change map')
    group.add_argument('--probability', metavar='TIF', help='the probability of change')
    group.add_argument('--vectors', metavar='FILE', help='polygons: .gpkg or .geojson')
    group.add_argument(
        '--pairs',
        metavar='LIST',
        help='many scenes: CSV or JSON lines with before, after, out [, probability, vectors]; '
        "relative paths start from the list's folder",
    )
    group.add_argument(
        '--probability-type',
        choices=PROBABILITY_TYPES,
        default=DEFAULTS.probability_type,
        help='uint8 has 0 to 254 for 0 to 1 (default: %(default)s)',
    )
    group.add_argument('--cog', action='store_true', help='write cloud-optimised GeoTIFFs')
    group.add_argument(
        '--min-area',
        type=float,
        default=DEFAULTS.min_area,
        metavar='M2',
        help='leave smaller polygons out (default: %(default)g); pixels where there is no CRS',
    )
    group.add_argument(
        '--simplify',
        type=float,
        default=DEFAULTS.simplify,
        metavar='PIXELS',
        help='simplify outlines, which then move by at most this much',
    )


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--bands',
        nargs='+',
        type=int,
        help="numbers of the files' bands in the order that the model takes (default: by the "
        'image description, by names or colours, or all where the number fits)',
    )
    group.add_argument(
        '--no-data', type=float, help='a value of no data that the files do not name'
    )
    group.add_argument(
        '--resampling',
        choices=RESAMPLINGS,
        default=DEFAULTS.resampling,
        help='how the after image is warped (default: %(default)s)',
    )
    group.add_argument(
        '--scaling',
        choices=SCALINGS,
        help='stretch 16 bit to the 8 bit that the model was trained on, with one value range for '
        'both dates, or one each (default: values are not changed)',
    )
    group.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='the values that become 0 and 255 (default of --scaling: 2nd and 98th percentiles)',
    )


def _add_prediction(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--tile',
        dest='tile_size',
        metavar='PIXELS',
        type=int,
        help='default: 512, or what an exported model names',
    )
    group.add_argument('--overlap', type=int, default=DEFAULTS.overlap, help='default: %(default)s')
    group.add_argument(
        '--batch-size', type=int, default=DEFAULTS.batch_size, help='default: %(default)s'
    )
    group.add_argument(
        '--threshold',
        type=float,
        help="changed where the probability is greater (default: the model's own, 0.5)",
    )
    group.add_argument('--device', help='cpu, cuda, cuda:1 (default: a GPU where there is one)')
    add_inference_arguments(group)
    add_memory_argument(group)
    group.add_argument(
        '--runtime',
        choices=['onnxruntime', 'openvino'],
        help='what runs an exported model (.onnx) (default: onnxruntime)',
    )
    group.add_argument(
        '--resume', action='store_true', help='go on with what a stopped run has finished'
    )
    group.add_argument('--quiet', action='store_true', help='no progress, warnings and errors only')
    add_model_arguments(group)
