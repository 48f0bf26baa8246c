"""The image description: bands, type and value range of one date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from mmcd.errors import ConfigError, ImagePairError

DTYPES = ('uint8', 'uint16', 'int16', 'float32')
# What a value range is scaled to: the values that networks trained on 8-bit images know.
FULL_SCALE = 255.0
DISPLAY_PERCENTILES = (2.0, 98.0)
RGB = ('red', 'green', 'blue')

Pixels = TypeVar('Pixels', np.ndarray, Tensor)


@dataclass(frozen=True)
class ImageSpec:
    """What the images of one date are; both dates are of one kind.

    A config states it once, as ``image = dict(...)``. The loader, the data preprocessor, the
    encoder's first convolution, ``predict_pair``, scenes, export, audit and pictures read it; it
    travels in checkpoints and exported files.

    Args:
        bands: names of the bands, in the order in which every array and tensor holds them.
        dtype: of the files' pixels, one of :data:`DTYPES`.
        value_range: the values that become 0 and 255 before ``mean`` and ``std`` of the data
            preprocessor apply, for all bands; what lies outside is clipped. None: values are
            taken as they are.
        file_bands: numbers of the bands in a file, from 1, one for each of ``bands``. None: files
            have these bands and no others, in this order.
        display_bands: the three bands (or one) that a person is shown as red, green and blue.
            None: red, green and blue where there are such, else the first three.
        display_range: the values that are shown black and white. None: ``value_range``; without
            one 0 to 255 for 8 bit, else the image's 2nd and 98th percentiles.
        metres_per_pixel: the ground resolution that the model is trained at; None: not stated.
        standardize: each date is brought to mean 0 and standard deviation 1 by ONE mean and ONE
            standard deviation over all its bands and pixels, when it is read; a window gets those
            of its whole scene.

    Raises:
        ConfigError: naming every field that cannot be used.
    """

    bands: tuple[str, ...] = RGB
    dtype: str = 'uint8'
    value_range: tuple[float, float] | None = None
    file_bands: tuple[int, ...] | None = None
    display_bands: tuple[str, ...] | None = None
    display_range: tuple[float, float] | None = None
    metres_per_pixel: float | None = None
    standardize: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        try:
            faults = self._faults()
        except TypeError as error:  # a number where a list belongs, or text where a number does
            faults = [f'a value is of the wrong kind ({error})']
        if faults:
            raise ConfigError('The image description cannot be used: ' + '; '.join(faults) + '.')

    def _faults(self) -> list[str]:
        if not isinstance(self.bands, tuple) or not self.bands:
            return [f"`bands` is a list of names such as ['red', 'nir'], not {self.bands!r}"]
        shown = self.display_bands
        checks = {
            f'`bands` names a band twice: {list(self.bands)}': (
                len(set(self.bands)) == len(self.bands)
            ),
            f'`dtype` is one of {", ".join(DTYPES)}, not {self.dtype!r}': self.dtype in DTYPES,
            f'`file_bands` has one number from 1 for each of {len(self.bands)} bands, not '
            f'{self.file_bands}': (
                self.file_bands is None
                or (len(self.file_bands) == len(self.bands) and min(self.file_bands) >= 1)
            ),
            f'`display_bands` names three of the bands (or one), not {shown}': (
                shown is None or (len(shown) in (1, 3) and set(shown) <= set(self.bands))
            ),
            f'`metres_per_pixel` is above 0, not {self.metres_per_pixel}': (
                self.metres_per_pixel is None or 0 < self.metres_per_pixel < float('inf')
            ),
            '`standardize` and `value_range` scale twice: state one of them': not (
                self.standardize and self.value_range
            ),
        }
        for name in ('value_range', 'display_range'):
            limits = getattr(self, name)
            good = limits is None or (len(limits) == 2 and limits[0] < limits[1])
            checks[f'`{name}` is a lower and a higher value, not {limits}'] = good
        return [text for text, good in checks.items() if not good]

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | ImageSpec | None) -> ImageSpec:
        """Build from a config's dict; None is 8-bit RGB.

        Raises:
            ConfigError: no dict, an unknown key, or a field that cannot be used.
        """
        if isinstance(config, cls):
            return config
        if config is not None and not isinstance(config, Mapping):
            raise ConfigError(
                "The image description is a dict, such as image = dict(bands=['red', 'nir'], "
                f"dtype='uint16'), not {config!r}."
            )
        settings = dict(config or {})
        known = [field.name for field in fields(cls)]
        unknown = sorted(settings.keys() - set(known))
        if unknown:
            raise ConfigError(
                f'The image description has no {", ".join(unknown)}; its keys are '
                f'{", ".join(known)}.'
            )
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, without those that are left at their default."""
        defaults = asdict(type(self)())
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if value != defaults[key] or key in ('bands', 'dtype')
        }

    @property
    def num_bands(self) -> int:
        """Number of bands of one date, C."""
        return len(self.bands)

    @property
    def is_rgb(self) -> bool:
        """Whether these are red, green and blue, in this order."""
        return self.bands == RGB

    def describe(self) -> str:
        """In words, for messages: '3 bands (red, green, blue) of uint8'."""
        plural = 's' if self.num_bands > 1 else ''
        return f'{self.num_bands} band{plural} ({", ".join(self.bands)}) of {self.dtype}'

    def check_array(self, image: np.ndarray, name: str) -> None:
        """Check that an array (H, W, C) is an image of one date.

        Raises:
            ImagePairError: it has another type, other bands, or no pixels.
        """
        if image.ndim != 3 or image.dtype != self.dtype or 0 in image.shape:
            raise ImagePairError(
                f'The {name} image must be an array (height, width, bands) of {self.dtype}, but is '
                f'{image.shape} of {image.dtype}. The model takes {self.describe()}.'
                f'{self._scaling_hint(image)}'
            )
        if image.shape[2] != self.num_bands:
            raise ImagePairError(
                f'The {name} image has {image.shape[2]} bands, but the model takes '
                f'{self.describe()}, in this order.{self._order_hint(image)}'
            )

    def _scaling_hint(self, image: np.ndarray) -> str:
        """What to do with 8-bit values that were divided by 255; '' where they were not."""
        if self.dtype != 'uint8' or image.dtype.kind != 'f' or not image.size:
            return ''
        if not 0 <= image.min() <= image.max() <= 1:
            return ''
        return " Of values from 0 to 1, give (255 * image).round().astype('uint8')."

    def _order_hint(self, image: np.ndarray) -> str:
        """What to do with bands that come first, as rasterio reads them; '' where they do not."""
        if image.shape[0] != self.num_bands:
            return ''
        return ' It looks like (bands, height, width): give image.transpose(1, 2, 0).'

    def scale(self, pixels: Pixels) -> Pixels:
        """Floating-point values as the network's normalisation takes them.

        Where there is a ``value_range``, it becomes 0 to 255. Raw and scaled have the same shape.
        """
        if self.value_range is None:
            return pixels
        low, high = self.value_range
        return ((pixels - low) * (FULL_SCALE / (high - low))).clip(0.0, FULL_SCALE)

    def standardized(self, image: np.ndarray, moments: tuple[float, float]) -> np.ndarray:
        """A date's pixels, as float32, less its mean and divided by its standard deviation.

        Args:
            image: of the file's values, or a window of it.
            moments: of the whole image, as :func:`moments_of` gives them.
        """
        mean, deviation = moments
        return (image.astype(np.float32) - np.float32(mean)) / np.float32(deviation)

    def display_indices(self) -> tuple[int, ...]:
        """The positions of the three bands that are shown as red, green and blue."""
        names = self.display_bands
        if names is None:
            # Of two bands, the first in grey: there is no third colour.
            names = RGB if set(RGB) <= set(self.bands) else self.bands[:3]
            names = names if len(names) == 3 else names[:1]
        indices = tuple(self.bands.index(name) for name in names)
        return indices * 3 if len(indices) == 1 else indices

    def to_display(self, image: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Draw an image (H, W, C) as 8-bit RGB for a person, (H, W, 3).

        8-bit images without a ``display_range`` are shown as they are.

        Args:
            image: of the file's values.
            valid: (H, W) bool, the pixels whose values count for the percentiles; None: all.
        """
        shown = image[..., list(self.display_indices())]
        limits = self.display_range or self.value_range
        if limits is None and shown.dtype == np.uint8:
            return np.ascontiguousarray(shown)
        low, high = limits or _percentiles(shown if valid is None else shown[valid])
        scaled = (shown.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
        return np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)


def moments_of(image: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over all values; (.., 1) where all are one value."""
    return float(image.mean(dtype=np.float64)), float(image.std(dtype=np.float64)) or 1.0


def _percentiles(image: np.ndarray) -> tuple[float, float]:
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, DISPLAY_PERCENTILES).tolist()
    return low, high


RGB_8BIT = ImageSpec()
