"""What may be wrong with one date of a pair: shifted, darker, blurred, noisy, coarse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mmcd.structures import ImageSpec

Disturb = Callable[[np.ndarray, ImageSpec, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Disturbance:
    """One disturbance of one strength.

    Args:
        kind: such as 'shift'.
        strength: how much, in its unit; 0 is none.
        unit: such as 'px'.
        apply: from an image (H, W, C) of the description's type to the same.
    """

    kind: str
    strength: float
    unit: str
    apply: Disturb

    @property
    def name(self) -> str:
        """Such as 'shift 2 px'."""
        return f'{self.kind} {self.strength:g} {self.unit}'.strip()


def all_disturbances(image: ImageSpec) -> list[Disturbance]:
    """Those that can happen to such images; JPEG only to 8-bit images of one or three bands."""
    shifts = [Disturbance('shift', px, 'px', _shift(px)) for px in (1, 2, 4, 8)]
    gains = [Disturbance('gain', g, '', _gain(g)) for g in (0.7, 0.85, 1.15, 1.3)]
    offsets = [
        Disturbance('offset', share, '% of range', _offset(share / 100))
        for share in (-10, -5, 5, 10)
    ]
    blurs = [Disturbance('blur', sigma, 'px', _blur(sigma)) for sigma in (0.5, 1, 2)]
    noises = [Disturbance('noise', share, '% of range', _noise(share / 100)) for share in (1, 2, 5)]
    coarse = [Disturbance('coarser', factor, 'times', _coarsen(factor)) for factor in (1.5, 2, 4)]
    found = [*shifts, *gains, *offsets, *blurs, *noises, *coarse]
    if image.dtype == 'uint8' and image.num_bands in (1, 3):
        found += [Disturbance('JPEG', q, 'quality', _compress(q)) for q in (90, 70, 50)]
    return found


def _value_range(image: np.ndarray, spec: ImageSpec) -> tuple[float, float]:
    """What is stated, all of 8 bit, or what the image itself holds."""
    if spec.value_range is not None:
        return spec.value_range
    return (0.0, 255.0) if spec.dtype == 'uint8' else (float(image.min()), float(image.max()))


def _to_type(values: np.ndarray, image: ImageSpec) -> np.ndarray:
    """Floats as the sensor would have stored them: rounded, and cut to the type's range."""
    if np.dtype(image.dtype).kind == 'f':
        return values.astype(image.dtype)
    limits = np.iinfo(image.dtype)
    return values.round().clip(limits.min, limits.max).astype(image.dtype)


def _shift(pixels: int) -> Disturb:
    """To the right; the left edge is repeated."""

    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        padded = np.pad(image, ((0, 0), (pixels, 0), (0, 0)), mode='edge')
        return np.ascontiguousarray(padded[:, : image.shape[1]])

    return apply


def _gain(factor: float) -> Disturb:
    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        low, _ = _value_range(image, spec)
        return _to_type(low + (image.astype(np.float64) - low) * factor, spec)

    return apply


def _offset(share: float) -> Disturb:
    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        low, high = _value_range(image, spec)
        return _to_type(image.astype(np.float64) + share * (high - low), spec)

    return apply


def _blur(sigma: float) -> Disturb:
    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        return _to_type(_by_band(image, lambda band: cv2.GaussianBlur(band, (0, 0), sigma)), spec)

    return apply


def _noise(share: float) -> Disturb:
    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        low, high = _value_range(image, spec)
        return _to_type(image + rng.normal(0, share * (high - low), image.shape), spec)

    return apply


def _coarsen(factor: float) -> Disturb:
    """As a sensor of larger pixels sees it, brought back to the grid."""

    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        height, width = image.shape[:2]
        small = max(1, round(width / factor)), max(1, round(height / factor))

        def coarsen(band: np.ndarray) -> np.ndarray:
            reduced = cv2.resize(band, small, interpolation=cv2.INTER_AREA)
            return cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR)

        return _to_type(_by_band(image, coarsen), spec)

    return apply


def _compress(quality: int) -> Disturb:
    def apply(image: np.ndarray, spec: ImageSpec, rng: np.random.Generator) -> np.ndarray:
        # Which band is called red does not matter here, but that OpenCV does the same both ways.
        content = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = np.asarray(cv2.imdecode(content, cv2.IMREAD_UNCHANGED)).reshape(image.shape)
        return np.ascontiguousarray(decoded[..., ::-1])

    return apply


def _by_band(image: np.ndarray, apply: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """OpenCV takes no more than four bands at once, and not every type."""
    bands = [apply(np.ascontiguousarray(band, np.float32)) for band in np.moveaxis(image, 2, 0)]
    return np.stack(bands, axis=2)
