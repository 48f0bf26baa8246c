"""An exported file as a function from tiles to probabilities."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmcd.errors import ConfigError, ExportError, ImagePairError
from mmcd.inference.export_metadata import (
    DEEPNESS,
    FULL_SCALE,
    INPUT_NAMES,
    SEPARATE,
    ExportMetadata,
)
from mmcd.inference.runtimes import ONNX_RUNTIME, Session, open_session


class ExportedModel:
    """A file of :func:`mmcd.export.export_onnx`, ready to run.

    It is what :data:`mmcd.scene.tile_prediction.PredictTiles` asks for.

    Args:
        path: the file; of any layout.
        runtime: 'onnxruntime' or 'openvino'.
        precision: 'float32', or 'bfloat16' (OpenVINO only; faster where the processor has it).
        threads: how many the runtime may use; None: as many as it likes.
        device: 'cpu', or 'cuda' (ONNX Runtime only).

    Shape:
        (N, 2C, H, W) uint8, before in the first C bands, in RGB order where C = 3, any H and W, to
        (N, H, W) float32, the probability of change.

    Raises:
        ExportError: there is no such file, it is damaged, or was not exported by mmcd.
        ConfigError: there is no such runtime, precision or device, or they do not go together.
        MissingExtraError: the runtime is not installed.

    Example:
        >>> model = ExportedModel('darnet_levir.onnx', runtime='openvino')
        >>> probability = model(np.concatenate([before, after], axis=1))
    """

    def __init__(
        self,
        path: str | Path,
        *,
        runtime: str = ONNX_RUNTIME,
        precision: str = 'float32',
        threads: int | None = None,
        device: str = 'cpu',
    ) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise ExportError(
                f'No such exported model: {self.path} (from {Path.cwd()}). '
                'tools/deployment/export_onnx.py makes one.'
            )
        self.runtime = runtime
        self.precision = precision
        self.device = device
        # How files are read: set by mmcd.apis.init_model.
        self.cfg: Config | None = None
        self._session: Session = open_session(
            self.path, runtime, precision=precision, threads=threads, device=device
        )
        self.metadata = ExportMetadata.from_properties(self._session.properties, str(self.path))

    @property
    def threshold(self) -> float:
        """Changed where the probability is greater."""
        return self.metadata.threshold

    @property
    def tile_size(self) -> int:
        """Height and width of the tiles that large images are best cut into."""
        return self.metadata.tile_size

    @property
    def bands(self) -> int:
        """Number of bands of one date."""
        return self.metadata.bands

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Probabilities (N, H, W) of tiles (N, 2C, H, W).

        Raises:
            ImagePairError: the tiles have another number of bands, or are not of uint8.
            ExportError: the file takes another size only.
        """
        if tiles.ndim != 4 or tiles.dtype != np.uint8 or tiles.shape[1] != 2 * self.bands:
            raise ImagePairError(
                f'Expected tiles (N, {2 * self.bands}, H, W) of uint8, both dates with '
                f'{self.bands} channels each, but got {tiles.shape} of {tiles.dtype}'
            )
        height, width = tiles.shape[2:]
        padded = pad_to_multiple(tiles, self.metadata.size_divisor)
        if self.metadata.layout == DEEPNESS:
            self._check_fixed_size(padded)
        return self._session.run(network_inputs(padded, self.metadata))[:, 0, :height, :width]

    def describe(self) -> dict[str, Any]:
        """What tells this model from others: the file's hash and how it is run."""
        return dict(
            type=type(self).__name__,
            file_sha256=hashlib.sha256(self.path.read_bytes()).hexdigest(),
            weights_sha256=self.metadata.weights_sha256,
            network=self.metadata.network,
            config=self.metadata.config,
            runtime=self.runtime,
            precision=self.precision,
            device=self.device,
        )

    def _check_fixed_size(self, tiles: np.ndarray) -> None:
        height, width = tiles.shape[2:]
        if (height, width) != (self.tile_size, self.tile_size):
            raise ExportError(
                f'{self.path} is made for the QGIS plugin Deepness and takes tiles of '
                f'{self.tile_size} x {self.tile_size} only, but got {height} x {width}. Use that '
                'size, or export the model without --deepness.'
            )


def check_settings(model: ExportedModel, precision: str | None, *, compile: bool) -> None:
    """Check settings of a call against those that the model was opened with.

    Raises:
        ConfigError: they differ.
    """
    if compile or precision not in (None, model.precision):
        raise ConfigError(
            f'The exported model {model.path} was opened in {model.precision}; '
            f"precision={precision} and compile={compile} can't be asked of a call. Open it as "
            'init_model(config, path, runtime=..., precision=...).'
        )


def network_inputs(tiles: np.ndarray, metadata: ExportMetadata) -> dict[str, np.ndarray]:
    """Tiles (N, 2C, H, W) uint8 as a file's inputs, by name."""
    arrays: tuple[np.ndarray, ...] = (tiles,)
    if metadata.layout == SEPARATE:
        arrays = (tiles[:, : metadata.bands], tiles[:, metadata.bands :])
    elif metadata.layout == DEEPNESS:
        arrays = (tiles / np.float32(FULL_SCALE),)
    names = INPUT_NAMES[metadata.layout]
    return {name: np.ascontiguousarray(a) for name, a in zip(names, arrays, strict=True)}


def pad_to_multiple(tiles: np.ndarray, divisor: int) -> np.ndarray:
    """Pad (N, C, H, W) at the bottom and the right by its own edge to multiples of ``divisor``."""
    bottom, right = (-size % divisor for size in tiles.shape[2:])
    if not bottom and not right:
        return tiles
    return np.pad(tiles, ((0, 0), (0, 0), (0, bottom), (0, right)), mode='edge')
