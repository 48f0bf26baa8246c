"""What an exported file says of itself.

It stands in the file's ``metadata_props``: one property a field of :class:`ExportMetadata`, named
``mmcd.`` and the field, its value in JSON. A file for Deepness has that plugin's keys besides (see
:mod:`mmcd.export.deepness`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mmcd.errors import ExportError
from mmcd.structures import ChangeClasses, ImageSpec, ImageStatistics
from mmcd.structures.image_spec import RGB

# Raised by one whenever a reader of an earlier version would misread a file.
FORMAT = 2
PREFIX = 'mmcd.'

SEPARATE = 'separate'
STACKED = 'stacked'
DEEPNESS = 'deepness'
# The inputs of each layout. C is the number of bands of one date, in the order of the image
# description; images of other than 8 bit are given as float32, with the files' values, and those
# that the description standardises as float32, standardised.
INPUT_NAMES = {
    SEPARATE: ('before', 'after'),  # each (N, C, H, W)
    STACKED: ('pair',),  # (N, 2C, H, W), before in the first C
    DEEPNESS: ('pair',),  # (N, 2C, tile_size, tile_size) float32 from 0 to 1, before in the first C
}
# What a file's user does to the images where the description standardises them.
STANDARDIZED = (
    'standardised: each date less its mean and divided by its standard deviation, both over all '
    'its bands and pixels'
)
# What Deepness divides by: its input is from 0 to 1, an image's pixels from 0 to 255.
FULL_SCALE = 255.0
# (N, K - 1, H, W) float32: the probability of change, of each kind where there are several.
OUTPUT_NAME = 'probability'


# What a caller allocates memory by.
MOST = dict(bands=1024, size_divisor=1024, tile_size=16384)


@dataclass(frozen=True)
class ExportMetadata:
    """What a file's user has to know besides its inputs and its output.

    Args:
        network: the types of its encoder and its head.
        config: name of the config that it was built from, without folder and ending.
        weights_sha256: hash over the names and the values of the trained model's weights.
        classes: the classes; the output is the probability of all but the first.
        image: what one date's images are, with the ground resolution.
        layout: a key of :data:`INPUT_NAMES`.
        size_divisor: height and width of the inputs must be multiples of this.
        threshold: changed where the probability is greater.
        tile_size: height and width of the tiles that large images are best cut into.
        form: of the network: 'as trained' or 'restructured'.
        mmcd_version: of the mmcd that wrote the file.
        threshold_tuning: what the threshold was tuned on, where it was.
        statistics: of the training images, where they are known; scenes are stretched by them.
        format: version of these properties.
    """

    network: str
    config: str | None
    weights_sha256: str
    classes: ChangeClasses
    image: ImageSpec
    layout: str
    size_divisor: int
    threshold: float
    tile_size: int
    form: str
    mmcd_version: str
    threshold_tuning: dict[str, Any] | None = None
    statistics: ImageStatistics | None = None
    format: int = FORMAT

    @property
    def input_dtype(self) -> str:
        """Number format of the inputs."""
        takes_pixels = self.layout != DEEPNESS and not self.image.standardize
        return 'uint8' if takes_pixels and self.image.dtype == 'uint8' else 'float32'

    def to_properties(self) -> dict[str, str]:
        """The properties that state it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= dict(
            classes=self.classes.names,
            palette=self.classes.palette,
            image=self.image.to_dict(),
            statistics=self.statistics and self.statistics.to_dict(),
            bands=self.image.num_bands,
            resolution=self.image.metres_per_pixel,
        )
        return {PREFIX + key: json.dumps(value) for key, value in values.items()}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], name: str) -> ExportMetadata:
        """Read the properties of a file.

        Args:
            properties: all that the file has.
            name: of the file, for the error's text.

        Raises:
            ExportError: they are not there, are of a newer format, or can't be read.
        """
        if PREFIX + 'format' not in properties:
            raise ExportError(
                f'{name} was not exported by mmcd: it does not say what its inputs mean. Make it '
                'with tools/deployment/export_onnx.py.'
            )
        try:
            values = {
                key.removeprefix(PREFIX): json.loads(text)
                for key, text in properties.items()
                if key.startswith(PREFIX)
            }
            _check_format(values['format'], name)
            metadata = _from_values(values)
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(
                f'The properties that mmcd has written into {name} are damaged '
                f'({type(error).__name__}: {error}). Export the model again.'
            ) from error
        return metadata


def _check_format(number: Any, name: str) -> None:
    if type(number) is not int or number < 1:
        raise ValueError(f'format is {number!r}')
    if number > FORMAT:
        raise ExportError(
            f'{name} was exported by a newer mmcd (format {number}, this one reads {FORMAT}). '
            'Update mmcd.'
        )


def _from_values(values: dict[str, Any]) -> ExportMetadata:
    """Metadata with what a caller computes with known to be usable."""
    if values['layout'] not in INPUT_NAMES:
        raise ValueError(f'no such layout: {values["layout"]!r}')
    for key, most in MOST.items():
        if type(values[key]) is not int or not 1 <= values[key] <= most:
            raise ValueError(f'{key} is {values[key]!r}')
    if not 0 <= float(values['threshold']) <= 1:
        raise ValueError(f'threshold is {values["threshold"]!r}')
    image = values.get('image') or _image_of_format_1(values)
    values |= dict(
        image=ImageSpec.from_config(image),
        classes=ChangeClasses.from_meta(values),
        threshold=float(values['threshold']),
        form=values.get('form', 'restructured'),
        threshold_tuning=values.get('threshold_tuning'),
        statistics=ImageStatistics.from_dict(values.get('statistics')),
    )
    return ExportMetadata(**{field.name: values[field.name] for field in fields(ExportMetadata)})


def _image_of_format_1(values: dict[str, Any]) -> dict[str, Any]:
    """Files of the first format are of 8 bit, and RGB where they have three bands."""
    number = values['bands']
    names = RGB if number == len(RGB) else [f'band_{index + 1}' for index in range(number)]
    return dict(bands=names, metres_per_pixel=values.get('resolution'))
