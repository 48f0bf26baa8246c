"""The mean and the deviation of the images that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcd.errors import ConfigError

# Of 8-bit aerial imagery as data sets publish it: LEVIR-CD has means around 105 and deviations
# around 50, ImageNet 116 and 57. What is assumed of a model that says nothing.
TYPICAL_MEAN, TYPICAL_DEVIATION = 110.0, 52.0


@dataclass(frozen=True)
class ImageStatistics:
    """Per band, in the values of the files, both dates together.

    Args:
        mean: of each band.
        deviation: the standard deviation of each band.

    Raises:
        ConfigError: they are not as many, or a deviation is not above 0.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.deviation) or not all(d > 0 for d in self.deviation):
            raise ConfigError(
                'Statistics of images are a mean and a deviation above 0 for each band, not '
                f'{self.mean} and {self.deviation}.'
            )

    @classmethod
    def from_dict(cls, plain: Mapping[str, Sequence[float]] | None) -> ImageStatistics | None:
        """Take :meth:`to_dict` back; None stays None."""
        if not plain:
            return None
        return cls(*(tuple(map(float, plain[key])) for key in ('mean', 'deviation')))

    @classmethod
    def typical(cls, bands: int) -> ImageStatistics:
        """Those of 8-bit aerial imagery."""
        return cls((TYPICAL_MEAN,) * bands, (TYPICAL_DEVIATION,) * bands)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return dict(mean=list(self.mean), deviation=list(self.deviation))
