"""What a user can choose for a scene, in Python and on the command line.

Imports are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import argparse
import math
import operator
import os
from collections.abc import Callable
from dataclasses import Field, asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, cast

from mmcd.cli.arguments import (
    add_inference_arguments,
    add_memory_argument,
    add_model_arguments,
    add_runtime_argument,
)
from mmcd.errors import SceneError


def _setting(default: Any, group: str, help: str, **option: Any) -> Any:
    """A field that is also a command-line option, whose words are those of argparse."""
    return field(default=default, metadata=dict(option, group=group, help=help))


# How far the ground resolution may be from what the model was trained at.
RESOLUTION_FACTOR = 1.4
MODEL_RESOLUTION = 'model'
DEFAULT_OVERLAP = 128


def _metres_or_model(text: str) -> float | str:
    return text if text == MODEL_RESOLUTION else float(text)


def _plain(value: Any) -> Any:
    """The Python number of one of NumPy or PyTorch."""
    return value.item() if hasattr(value, 'item') else value


def _whole(value: Any) -> int:
    return operator.index(_plain(value))


def _number(value: Any) -> float:
    plain = _plain(value)
    if isinstance(plain, (str, bytes)):
        raise TypeError('a text is no number')
    return float(plain)


def _two_numbers(values: Any) -> tuple[float, float]:
    first, second = map(_number, values)
    return first, second


def _yes_or_no(value: Any) -> bool:
    return bool((False, True).index(_plain(value)))


def _text(value: Any) -> str:
    return str(os.fsdecode(value))


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(_text, [values] if isinstance(values, (str, os.PathLike)) else values))


def _metres(value: Any) -> float | str:
    plain = _plain(value)
    return MODEL_RESOLUTION if plain == MODEL_RESOLUTION else _number(plain)


# By the type that a setting is declared as: what to give, and how it is made that type.
KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    'int': ('a whole number', _whole),
    'float': ('a number', _number),
    'bool': ('True or False', _yes_or_no),
    'str': ('a text', _text),
    'float | str': (f'above 0 or "{MODEL_RESOLUTION}"', _metres),
    'tuple[str, ...]': ('texts', _texts),
    'tuple[int, ...]': ('whole numbers', lambda values: tuple(map(_whole, values))),
    'tuple[float, float]': ('two numbers', _two_numbers),
}


def parse_moment(text: str) -> datetime:
    """A date, or a date and time, in ISO 8601; without a time zone where it is UTC or none is said.

    Raises:
        ValueError: it is none.
    """
    return datetime.fromisoformat(text.removesuffix('Z'))  # which Python 3.10 does not read


def _is_date(text: str) -> bool:
    try:
        parse_moment(text)
    except (AttributeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class SceneSettings:
    """How a scene is read, predicted and written.

    Each field is a keyword of :func:`mmcd.apis.predict_scene` and an option of ``infer_scene.py``;
    what it means stands in its ``help``. (jsonargparse derives options from classes, too, but
    neither under the names that they have here nor without importing them first.) Files may be
    named by a path, too, and a single mask by itself.

    Raises:
        SceneError: naming every setting that can't be used.
    """

    probability_type: str = _setting(
        'uint8',
        'outputs',
        "type of the probability's pixels: uint8 has 0 to 254 for 0 to 1",
        choices=('uint8', 'float32'),
    )
    cog: bool = _setting(False, 'outputs', 'write cloud-optimised GeoTIFFs')
    min_area: float = _setting(
        10.0,
        'outputs',
        'leave smaller polygons out: m², or pixels where there is no CRS',
        metavar='M2',
    )
    simplify: float = _setting(
        0.0,
        'outputs',
        'simplify outlines, which then move by at most this much',
        metavar='PIXELS',
    )
    zones: str | None = _setting(
        None,
        'outputs',
        'polygons, such as districts: the changed area and the number of changes in each go into '
        'the report and into OUT_zones.csv',
        metavar='FILE',
    )
    stac: bool = _setting(
        False, 'outputs', 'write a STAC item of the map and the files beside it (change.stac.json)'
    )
    dates: tuple[str, ...] | None = _setting(
        None,
        'outputs',
        'when the two images were taken, such as 2019-08-12 or 2019-08-12T10:50:31Z, for the STAC '
        'item (default: as their tags or names hold it, 20190812 or 20190812T105031)',
        nargs=2,
        metavar=('BEFORE', 'AFTER'),
    )
    bands: tuple[int, ...] | None = _setting(
        None,
        'reading',
        "numbers of the files' bands, from 1, in the order that the model takes (default: by the "
        'image description, by names or colours, or all where the number fits)',
        type=int,
        nargs='+',
    )
    no_data: float | None = _setting(
        None, 'reading', 'a no-data value that the files do not declare', type=float
    )
    offset_before: float | None = _setting(
        None,
        'reading',
        'add this to the values of the before image, such as -1000 for a Sentinel-2 product of '
        'processing baseline 04.00 or later with a model trained on older ones (default: 0; of two '
        'products as folders, what their metadata say where they differ)',
        type=float,
        metavar='VALUE',
    )
    offset_after: float | None = _setting(
        None,
        'reading',
        'add this to the values of the after image (default: as for the before image)',
        type=float,
        metavar='VALUE',
    )
    allow_remote: bool = _setting(
        False,
        'reading',
        'read inputs that are on the network, and VRTs whose sources are outside of their own '
        'folder: for files whose origin you know',
    )
    resampling: str = _setting(
        'bilinear',
        'reading',
        'how the after image is warped where it lies on another grid',
        choices=('nearest', 'bilinear', 'cubic', 'cubic_spline', 'lanczos', 'average'),
    )
    scaling: str | None = _setting(
        None,
        'reading',
        'stretch dates of other than 8 bit to the 8 bit that the model was trained on, with one '
        'value range for both dates, or one each (default: values are not changed, and files of '
        "another type than the model's are an error; for the network that comes with mmcd, mmcd "
        'map takes shared)',
        choices=('shared', 'per-date'),
    )
    value_range: tuple[float, float] | None = _setting(
        None,
        'reading',
        'the values that become 0 and 255, with --scaling shared if nothing else is said (default '
        'of --scaling: what gives each band the mean and the deviation of the training images)',
        type=float,
        nargs=2,
        metavar=('LOW', 'HIGH'),
    )
    resample_to: float | str | None = _setting(
        None,
        'reading',
        'ground resolution of the map: both images are resampled to it; "model" takes what the '
        'model was trained at, where the images differ from it by more than a factor of '
        f'{RESOLUTION_FACTOR} (default: the resolution of the before image; for the network that '
        'comes with mmcd, mmcd map takes "model")',
        type=_metres_or_model,
        metavar='METRES',
    )
    register: bool = _setting(
        False,
        'reading',
        'warp the after image by an affine transform, estimated by blocks, so that it lies on the '
        'before image',
    )
    mask: tuple[str, ...] | None = _setting(
        None,
        'reading',
        'areas to leave out, such as clouds and their shadows: rasters (where they are not 0) or '
        'files of polygons',
        nargs='+',
        metavar='FILE',
    )
    tile_size: int | None = _setting(
        None,
        'prediction',
        'height and width of the tiles (default: what the model names, else 512)',
        flag='--tile',
        type=int,
        metavar='PIXELS',
    )
    overlap: int | None = _setting(
        None,
        'prediction',
        f'pixels that neighbouring tiles share at least (default: {DEFAULT_OVERLAP}, or a quarter '
        f'of tiles smaller than {2 * DEFAULT_OVERLAP})',
        type=int,
        metavar='PIXELS',
    )
    batch_size: int = _setting(4, 'prediction', 'tiles that the network gets at a time')
    threshold: float | None = _setting(
        None,
        'prediction',
        "changed where the probability of all kinds of change is greater (default: the model's "
        'own, 0.5)',
        type=float,
    )

    def __post_init__(self) -> None:
        faults = self._convert()
        if self.value_range is not None and self.scaling is None:
            object.__setattr__(self, 'scaling', 'shared')
        low, high = self.value_range or (0, 1)
        tile, overlap, threshold = self.tile_size, self.overlap, self.threshold
        finite = all(map(math.isfinite, (low, high)))
        checks = {
            f'tile size: at least 1, not {tile}': tile is None or tile >= 1,
            f'overlap: from 0 to less than the tile size, not {overlap}': (
                overlap is None or 0 <= overlap < (tile or math.inf)
            ),
            f'batch size: at least 1, not {self.batch_size}': self.batch_size >= 1,
            f'threshold: from 0 to 1, not {threshold}': threshold is None or 0 <= threshold <= 1,
            'bands: at least one': self.bands is None or len(self.bands) > 0,
            f'value range: two finite values, the lower one first, not {low} {high}': (
                low < high and finite
            ),
            f'offsets: finite values, not {self.offset_before} and {self.offset_after}': all(
                math.isfinite(offset or 0) for offset in (self.offset_before, self.offset_after)
            ),
            f'ground resolution: above 0 or "model", not {self.resample_to}': (
                self.resample_to in (None, MODEL_RESOLUTION)
                or 0 < cast(float, self.resample_to) < 1e6
            ),
            f'dates: two such as 2019-08-12 or 2019-08-12T10:50:31Z, not {self.dates}': (
                self.dates is None or (len(self.dates) == 2 and all(map(_is_date, self.dates)))
            ),
            f'minimum area: at least 0, not {self.min_area}': self.min_area >= 0,
            f'simplification: at least 0 and finite, not {self.simplify}': (
                0 <= self.simplify < math.inf
            ),
        }
        for each in fields(self):
            value, choices = getattr(self, each.name), each.metadata.get('choices')
            if choices:
                listed = f'one of {", ".join(choices)}, not {value}'
                checks[f'{each.name.replace("_", " ")}: {listed}'] = value in (
                    each.default,
                    *choices,
                )
        faults += [text for text, good in checks.items() if not good]
        if faults:
            raise SceneError('These settings cannot be used:\n  ' + '\n  '.join(faults))

    def _convert(self) -> list[str]:
        """Make each value the plain one of its declared type, which JSON has.

        Returns:
            What is wrong with those that are of another type; they have their default from then on.
        """
        faults = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            expected, convert = KINDS[str(each.type).removesuffix(' | None')]
            try:
                plain = convert(value)
            except (TypeError, ValueError, OverflowError, RuntimeError):  # the last is PyTorch's
                faults.append(f'{each.name.replace("_", " ")}: {expected}, not {value!r}')
                plain = each.default
            object.__setattr__(self, each.name, plain)
        return faults

    def completed(self, *, tile_size: int, threshold: float) -> SceneSettings:
        """With a predictor's tile size and threshold where none are chosen, and an overlap.

        Raises:
            SceneError: the overlap does not fit the tile size.
        """
        size = tile_size if self.tile_size is None else self.tile_size
        # Where they share more than half, three tiles and more along an axis see each pixel.
        overlap = DEFAULT_OVERLAP if size >= 2 * DEFAULT_OVERLAP else size // 4
        return replace(
            self,
            tile_size=size,
            overlap=overlap if self.overlap is None else self.overlap,
            threshold=threshold if self.threshold is None else self.threshold,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON has."""
        values = asdict(self)
        if self.no_data is not None and math.isnan(self.no_data):
            values['no_data'] = 'nan'  # as a number it equals nothing, not even itself
        return values


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options in their groups: a scene's settings, and what one run of the tool needs."""
    groups = {
        name: parser.add_argument_group(name) for name in ('outputs', 'reading', 'prediction')
    }
    _add_outputs(groups['outputs'])
    for each in fields(SceneSettings):
        _add_setting(groups[each.metadata['group']], each)
    _add_prediction(groups['prediction'])


def scene_settings(args: argparse.Namespace) -> SceneSettings:
    """The settings that the options of :func:`add_scene_arguments` name.

    Raises:
        SceneError: some of them can't be used.
    """
    return SceneSettings(**{each.name: getattr(args, each.name) for each in fields(SceneSettings)})


def _add_setting(group: argparse._ArgumentGroup, setting: Field) -> None:
    option = {key: value for key, value in setting.metadata.items() if key not in ('group', 'flag')}
    flag = setting.metadata.get('flag', '--' + setting.name.replace('_', '-'))
    if isinstance(setting.default, bool):
        option['action'] = 'store_true'
    else:
        option.update(default=setting.default)
        if setting.default is not None:
            option.setdefault('type', type(setting.default))
            option['help'] += ' (default: %(default)s)'
    group.add_argument(flag, dest=setting.name, **option)


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--out', metavar='TIF', help='the change map')
    group.add_argument('--probability', metavar='TIF', help='the probability of change')
    group.add_argument('--vectors', metavar='FILE', help='polygons: .gpkg or .geojson')
    group.add_argument(
        '--report',
        metavar='DIR',
        help='a web page with both dates under a swipe and the largest changes, which needs no '
        'server and no network',
    )
    group.add_argument(
        '--pairs',
        metavar='LIST',
        help='many scenes: CSV or JSON lines with before, after, out [, probability, vectors]; '
        "relative paths start from the list's folder",
    )


def _add_prediction(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--device',
        help='cpu, cuda, cuda:1 (default: a GPU where there is one that can run the model); of '
        'several processes each takes its own GPU where no number is named',
    )
    add_inference_arguments(group)
    add_memory_argument(group)
    add_runtime_argument(group)
    group.add_argument(
        '--resume', action='store_true', help='go on with what a stopped run has finished'
    )
    group.add_argument('--quiet', action='store_true', help='no progress, warnings and errors only')
    add_model_arguments(group)
