"""From light on the ground to an 8-bit image: view, registration, optics, air, exposure, noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmcd.synthetic.geometry import OVERSAMPLING, Raster
from mmcd.synthetic.lighting import shift
from mmcd.synthetic.noise import fractal_noise


@dataclass(frozen=True)
class Sensor:
    """How one date was taken.

    Args:
        lean: Displacement of a point by its height, (right, down): the view is slightly oblique.
        offset: Registration error in pixels, (right, down).
        turn: Registration error in radians.
        blur: Deviation of the optics' point spread in pixels.
        sharpening: Strength of the unsharp mask that a supplier applies.
        gains: Exposure times white balance, for red, green and blue.
        gamma: Exponent of the tone curve.
        haze: Share of light that the air adds.
        saturation: Factor on colourfulness.
        noise: Deviation of the noise in grey values.
    """

    lean: tuple[float, float]
    offset: tuple[float, float]
    turn: float
    blur: float
    sharpening: float
    gains: tuple[float, float, float]
    gamma: float
    haze: float
    saturation: float
    noise: float


def random_sensor(rng: np.random.Generator) -> Sensor:
    """Draw one date's acquisition; two of them are at most about a pixel apart."""
    tilt, towards = rng.uniform(0, 0.07), rng.uniform(0, 2 * np.pi)
    right, down = rng.uniform(-0.4, 0.4, 2)
    exposure = np.exp(rng.normal(0, 0.2))
    # White balance drifts from warm to cool, and far less from green to magenta.
    warmth, tint = rng.normal(0, 0.05), rng.normal(0, 0.02)
    red, green, blue = exposure * np.exp((warmth, tint, -warmth))
    return Sensor(
        lean=(float(tilt * np.cos(towards)), float(tilt * np.sin(towards))),
        offset=(float(right), float(down)),
        turn=float(rng.normal(0, 0.0006)),
        blur=float(rng.uniform(0.3, 0.6)),
        sharpening=float(rng.uniform(0.3, 1.4)),
        gains=(float(red), float(green), float(blue)),
        gamma=float(rng.uniform(1.8, 2.4)),
        haze=float(rng.uniform(0.0, 0.08)),
        saturation=float(rng.uniform(0.7, 1.15)),
        noise=float(rng.uniform(1.0, 3.5)),
    )


def lean_out(light: np.ndarray, height: np.ndarray, lean: tuple[float, float]) -> np.ndarray:
    """Displace what stands high away from the camera's foot point.

    Shape:
        light: (H, W, 3).
        height: (H, W) in scene pixels.
    """
    right, down = lean[0] * OVERSAMPLING, lean[1] * OVERSAMPLING
    steps = int(np.ceil(np.hypot(right, down) * float(height.max())))
    for step in range(1, steps + 1):
        level = float(height.max()) * step / steps
        moved = shift(height, right * level, down * level) >= level - 0.5
        cv2.copyTo(shift(light, right * level, down * level), moved.astype(np.uint8), light)
    return light


def expose(
    light: np.ndarray, raster: Raster, sensor: Sensor, rng: np.random.Generator
) -> np.ndarray:
    """Take the image of a lit scene.

    Args:
        light: Linear light of the oversampled scene.
        raster: Its raster.
        sensor: How it is taken.
        rng: Source of the noise.

    Shape:
        light: (H, W, 3) float32.
        Output: (size, size, 3) uint8, RGB.
    """
    image = _sample(light, raster, sensor)
    air = np.array((0.30, 0.34, 0.40), np.float32)
    gains = np.array(sensor.gains, np.float32)
    image = (1 - sensor.haze) * gains * image + sensor.haze * air
    image = np.maximum(image, 0) ** np.float32(1 / sensor.gamma)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * sensor.saturation
    image = image + sensor.sharpening * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    own = rng.standard_normal(image.shape, dtype=np.float32)
    # Compression and resampling leave noise that neighbours and channels share.
    shared = fractal_noise(rng, image.shape[:2], coarsest=4, persistence=0.8)
    image = 255 * image + 0.7 * sensor.noise * (own + shared[..., None])
    levels = np.clip(np.round(image), 0, 255)
    return levels.astype(np.uint8)


def _sample(light: np.ndarray, raster: Raster, sensor: Sensor) -> np.ndarray:
    """Average the oversampled light to pixels, as misregistered and as blurred as the sensor is."""
    side = raster.shape[0]
    middle = side / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), float(np.rad2deg(sensor.turn)), 1.0)
    matrix[:, 2] += np.array(sensor.offset) * OVERSAMPLING
    light = cv2.warpAffine(light, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    light = raster.sample(light)
    image = cv2.resize(light, (raster.size, raster.size), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(image, (0, 0), sensor.blur)
