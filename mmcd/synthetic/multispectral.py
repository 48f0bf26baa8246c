"""From a drawn RGB image to what a multispectral sensor would give of it.

A plausible spectrum of each pixel, no radiative transfer: enough to try whether 16-bit stacks of
many bands go through everything.
"""

from __future__ import annotations

import numpy as np

from mmcd.errors import ConfigError
from mmcd.structures import RGB_8BIT, ImageSpec

# Reflectances are stored times this, as Sentinel-2 products do.
QUANTIFICATION = 10_000
# Wavelengths in nanometres; Sentinel-2's bands by their common names in STAC catalogues.
WAVELENGTHS = {
    'coastal': 443,
    'blue': 490,
    'green': 560,
    'red': 665,
    'rededge071': 705,
    'rededge075': 740,
    'rededge078': 783,
    'nir': 842,
    'nir08': 865,
    'nir09': 945,
    'cirrus': 1375,
    'swir16': 1610,
    'swir22': 2190,
}
CIRRUS = 1375  # at this wavelength, water vapour lets hardly any light through
NOISE = 0.003  # standard deviation of a band's reflectance

SENSORS = {
    'rgb': RGB_8BIT,
    'rgbn': ImageSpec(
        bands=('red', 'green', 'blue', 'nir'), dtype='uint16', value_range=(0, QUANTIFICATION)
    ),
    'sentinel2': ImageSpec(
        bands=tuple(WAVELENGTHS), dtype='uint16', value_range=(0, QUANTIFICATION)
    ),
}


def find_sensor(name: str) -> ImageSpec:
    """The images of a sensor.

    Raises:
        ConfigError: there is no such.
    """
    if name not in SENSORS:
        raise ConfigError(f'expected a sensor out of {", ".join(SENSORS)}, but got {name!r}')
    return SENSORS[name]


def sense(rgb: np.ndarray, sensor: ImageSpec, rng: np.random.Generator) -> np.ndarray:
    """What a sensor gives of a ground that looks like this.

    Args:
        rgb: the drawn image.
        sensor: one of :data:`SENSORS`; 8-bit RGB is the drawn image itself.
        rng: of the sensor's noise.

    Shape:
        rgb: (H, W, 3) uint8; returns (H, W, C) of the sensor's type.
    """
    if sensor == RGB_8BIT:
        return rgb
    red, green, blue = np.moveaxis(rgb.astype(np.float32) / 255 * 0.45, -1, 0)
    # Green in excess of red and blue is taken for leaves: dark in red, bright in near infrared.
    leaves = np.clip(4 * (2 * green - red - blue) / (red + green + blue + 0.02), 0, 1)
    bare = 1.15 * red + 0.03
    nir = bare * (1 - leaves) + (0.28 + 0.5 * green) * leaves
    # Water in leaves swallows short-wave infrared.
    swir = 1.2 * bare * (1 - leaves) + 0.45 * nir * leaves
    anchors = {443: 0.92 * blue, 490: blue, 560: green, 665: red, 783: nir, 945: 0.98 * nir}
    anchors |= {1610: swir, 2190: 0.7 * swir}
    bands = [_at(WAVELENGTHS[band], anchors) for band in sensor.bands]
    reflectance = np.stack(bands, axis=-1)
    reflectance += rng.normal(0, NOISE, reflectance.shape).astype(np.float32)
    return np.clip(np.round(reflectance * QUANTIFICATION), 1, 65535).astype(sensor.dtype)


def _at(wavelength: int, anchors: dict[int, np.ndarray]) -> np.ndarray:
    """The reflectance at a wavelength, between those that are known."""
    if wavelength == CIRRUS:
        return np.full_like(next(iter(anchors.values())), 0.002)
    known = sorted(anchors)
    above = next(w for w in known if w >= wavelength)
    below = max((w for w in known if w <= wavelength), default=above)
    share = 0.0 if above == below else (wavelength - below) / (above - below)
    return anchors[below] * (1 - share) + anchors[above] * share
