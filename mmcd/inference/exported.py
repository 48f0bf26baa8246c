"""Predictors that run an exported file in ONNX Runtime or OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcd.errors import ExportError
from mmcd.inference.export_metadata import (
    DEEPNESS,
    FULL_SCALE,
    INPUT_NAMES,
    OUTPUT_NAME,
    SEPARATE,
    ExportMetadata,
)
from mmcd.inference.predictor import ChangePredictor
from mmcd.inference.runtimes import ONNX_RUNTIME, Session, open_session
from mmcd.io.hashing import sha256_of

SUFFIX = '.onnx'


def is_exported(checkpoint: str | Path) -> bool:
    """Whether a file is an exported model rather than a checkpoint, by its name."""
    return Path(checkpoint).suffix.lower() == SUFFIX


class ExportedPredictor(ChangePredictor):
    """A file of :func:`mmcd.export.export_onnx`, ready to run.

    Args:
        path: the file; of any layout.
        runtime: 'onnxruntime' or 'openvino'.
        precision: 'float32', or 'bfloat16' (OpenVINO only; faster where the processor has it).
        threads: how many the runtime may use; None: as many as it likes.
        device: 'cpu', or 'cuda' (ONNX Runtime only).

    Raises:
        ExportError: there is no such file, it is damaged, or was not exported by mmcd.
        ConfigError: there is no such runtime, precision or device, or they do not go together.
        MissingExtraError: the runtime is not installed.

    Example:
        >>> predictor = ExportedPredictor('darnet_levir.onnx', runtime='openvino')
        >>> scores = predictor.predict(np.concatenate([before, after], axis=1))
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
        self.device = device
        self._session: Session = open_session(
            self.path, runtime, precision=precision, threads=threads, device=device
        )
        self.metadata = ExportMetadata.from_properties(self._session.properties, str(self.path))
        self._check_names()
        super().__init__(
            image=self.metadata.image,
            classes=self.metadata.classes,
            threshold=self.metadata.threshold,
            threshold_origin='tuned' if self.metadata.threshold_tuning else 'exported file',
            threshold_tuning=self.metadata.threshold_tuning,
            tile_size=self.metadata.tile_size,
            precision=precision,
            statistics=self.metadata.statistics,
        )
        self.form = self.metadata.form

    @property
    def size_divisor(self) -> int:
        """See :class:`ChangePredictor`."""
        return self.metadata.size_divisor

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`.

        Raises:
            ExportError: the file takes another size only.
        """
        height, width = pairs.shape[2:]
        # Pipelines of transforms hand bytes on as floating-point numbers.
        values = pairs.cpu().numpy().astype(self.metadata.input_dtype, copy=False)
        padded = pad_to_multiple(values, self.size_divisor)
        if self.metadata.layout == DEEPNESS:
            self._check_fixed_size(padded)
        kinds = self._session.run(network_inputs(padded, self.metadata))
        expected = (len(padded), len(self.classes) - 1, *padded.shape[2:])
        if kinds.shape != expected:
            raise ExportError(
                f'{self.path} gave scores {kinds.shape}, expected {expected}. Export it again.'
            )
        kinds = kinds[:, :, :height, :width]
        unchanged = 1 - kinds.sum(axis=1, keepdims=True)
        return torch.from_numpy(np.concatenate([unchanged, kinds], axis=1)).to(pairs.device)

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        return dict(
            type=type(self).__name__,
            file_sha256=sha256_of(self.path),
            weights_sha256=self.metadata.weights_sha256,
            network=self.metadata.network,
            config=self.metadata.config,
            runtime=self.runtime,
            precision=self.precision,
            device=self.device.partition(':')[0],
            form=self.form,
        )

    def _check_names(self) -> None:
        """Its inputs and outputs are those that its properties state."""
        expected = INPUT_NAMES[self.metadata.layout]
        if set(self._session.inputs) != set(expected) or OUTPUT_NAME not in self._session.outputs:
            raise ExportError(
                f'{self.path} takes {", ".join(self._session.inputs)} and gives '
                f'{", ".join(self._session.outputs)}, but by its properties it takes '
                f'{", ".join(expected)} and gives {OUTPUT_NAME}. Export the model again.'
            )

    def _check_fixed_size(self, tiles: np.ndarray) -> None:
        height, width = tiles.shape[2:]
        if (height, width) != (self.tile_size, self.tile_size):
            raise ExportError(
                f'{self.path} is made for the QGIS plugin Deepness and takes tiles of '
                f'{self.tile_size} x {self.tile_size} only, but got {height} x {width}. Use that '
                'size, or export the model without --deepness.'
            )


def network_inputs(tiles: np.ndarray, metadata: ExportMetadata) -> dict[str, np.ndarray]:
    """Tiles (N, 2C, H, W) as a file's inputs, by name."""
    arrays: tuple[np.ndarray, ...] = (tiles,)
    if metadata.layout == SEPARATE:
        bands = metadata.image.num_bands
        arrays = (tiles[:, :bands], tiles[:, bands:])
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
