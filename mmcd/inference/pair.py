"""A model from a config, and its answer for a pair of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from mmcd.config import drop_pretrained, load_config
from mmcd.errors import ConfigError, ImagePairError
from mmcd.inference.cache import optimized
from mmcd.inference.exported_model import ExportedModel, check_settings
from mmcd.io.checkpoints import load_weights
from mmcd.models.layers.pair_ops import reverse_bands
from mmcd.models.probability import change_probability
from mmcd.registry import MODELS

PLAIN_PIPELINE = [
    dict(type='LoadImagePair'),
    dict(type='StackPair'),
    dict(type='mmseg.PackSegInputs', meta_keys=()),
]


@dataclass(frozen=True)
class ChangeResult:
    """What a model says about a pair.

    Args:
        mask: (H, W) uint8, 0 unchanged, 1 changed.
        probability: (H, W) float32, the probability of change.
    """

    mask: np.ndarray
    probability: np.ndarray


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
    *,
    trust_checkpoint: bool = False,
    runtime: str | None = None,
    precision: str | None = None,
) -> nn.Module | ExportedModel:
    """Build a model and load its weights, or open an exported one.

    Args:
        config: a config file, or a config already read.
        checkpoint: the weights; without them the model is initialised at random, the encoder too.
            Or a file of ``tools/deployment/export_onnx.py`` (.onnx), which holds the network too:
            of the config only the reading of images is then used.
        device: where the model runs, such as 'cpu' or 'cuda:0'.
        cfg_options: settings that replace the config's, by dotted key.
        trust_checkpoint: load a checkpoint that holds other objects than tensors, which runs code
            from the file.
        runtime: of an exported file: 'onnxruntime' (the default) or 'openvino'.
        precision: of an exported file: 'float32' (the default), or with OpenVINO 'bfloat16'. Other
            models take it where they are called, see :func:`predict_pair`.

    Returns:
        The model in eval mode, with its config as ``cfg``; or the exported model.

    Raises:
        ConfigError: the config can't be read, or there is no such device, or a runtime or a
            precision does not fit.
        ExportError: the exported file can't be read.
        CheckpointError: the checkpoint can't be read safely, or does not fit the model.

    Example:
        >>> model = init_model('configs/darnet_levir.py', 'darnet_levir.pth')
        >>> result = predict_pair(model, 'before.png', 'after.png')
    """
    cfg = load_config(config, cfg_options)
    device = _check_device(device)
    if checkpoint is not None and is_exported(checkpoint):
        return _open_exported(checkpoint, cfg, device, runtime, precision)
    if runtime is not None or precision is not None:
        raise ConfigError(
            f'runtime={runtime} and precision={precision} are for exported models (.onnx). A '
            'checkpoint takes its precision where it is used: predict_pair(..., precision=...).'
        )
    # Types without a scope, such as those in a data set's pipeline, are ours.
    init_default_scope('mmcd')
    # The checkpoint replaces the encoder's pretrained weights; without one, nothing is downloaded.
    drop_pretrained(cfg.model)
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    if checkpoint is None:
        with _less_logging():
            model.init_weights()
    else:
        load_weights(model, checkpoint, trusted=trust_checkpoint)
    model.cfg = cfg
    return model.to(device).eval()


@torch.inference_mode()
def predict_pair(
    model: nn.Module | ExportedModel,
    before: str | Path | np.ndarray,
    after: str | Path | np.ndarray,
    *,
    precision: str | None = None,
    compile: bool = False,
) -> ChangeResult:
    """Find what changed between two images.

    The model's optimised form answers (:func:`mmcd.inference.optimize_for_inference`); it is made
    at the first call, and again where the weights have changed.

    Args:
        model: from :func:`init_model` or :func:`mmcd.inference.optimize_for_inference`.
        before: the first date, a file or an array.
        after: the second date, of the same size.
        precision: 'float32' (the default), 'bfloat16', or on a GPU 'float16'.
        compile: use ``torch.compile``, which takes about a minute at the first pair of each size.

    Shape:
        arrays (H, W, C) of uint8, RGB where C = 3; any H and W.

    Raises:
        ConfigError: the device does not work in this precision, or there is no such.
        ImagePairError: an image can't be read, or the two don't form a pair.
        FileNotFoundError: there is no such file.
    """
    paths = {
        f'{date}_path': str(image) if not isinstance(image, np.ndarray) else f'<{date} array>'
        for date, image in (('before', before), ('after', after))
    }
    results: dict[str, Any] = {**paths, 'img_path': paths['before_path'], 'seg_fields': []}
    for date, image in (('before', before), ('after', after)):
        if isinstance(image, np.ndarray):
            results[date] = _check_array(image, date)
        elif not Path(image).is_file():
            raise FileNotFoundError(f'No such {date} image: {image} (from {Path.cwd()}).')
    packed = _inference_pipeline(model.cfg)(results)
    if isinstance(model, ExportedModel):
        check_settings(model, precision, compile=compile)
        return _predict_exported(model, packed['inputs'])
    fast = optimized(model, precision=precision, compile=compile)
    (sample,) = fast.test_step(pseudo_collate([packed]))
    mask = sample.pred_sem_seg.data.squeeze(0).to(torch.uint8).cpu().numpy()
    return ChangeResult(mask=mask, probability=change_probability(sample).cpu().numpy())


def is_exported(checkpoint: str | Path) -> bool:
    """Whether a file is an exported model rather than a checkpoint, by its name."""
    return Path(checkpoint).suffix.lower() == '.onnx'


def _open_exported(
    path: str | Path, cfg: Config, device: torch.device, runtime: str | None, precision: str | None
) -> ExportedModel:
    model = ExportedModel(
        path,
        runtime=runtime or 'onnxruntime',
        precision=precision or 'float32',
        device=str(device),
    )
    model.cfg = cfg
    return model


def _predict_exported(model: ExportedModel, pair: torch.Tensor) -> ChangeResult:
    """Of a stacked pair (2C, H, W) as the pipeline gives it, in BGR order where C = 3."""
    if len(pair) == 6:
        pair = reverse_bands(pair)
    probability = model(pair[None].numpy())[0]
    return ChangeResult((probability > model.threshold).astype(np.uint8), probability)


def _inference_pipeline(cfg: Config | None) -> Compose:
    """The test pipeline without the label."""
    if cfg is None:  # an exported model that was opened without a config
        init_default_scope('mmcd')
        return Compose(PLAIN_PIPELINE)
    pipeline = cfg.test_dataloader.dataset.pipeline
    return Compose([step for step in pipeline if not step['type'].endswith('LoadChangeLabel')])


def _check_array(image: np.ndarray, date: str) -> np.ndarray:
    """An array as the pipeline's reader would give it."""
    if image.ndim != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ImagePairError(
            f'The {date} image must be an array (height, width, bands) of uint8, but is '
            f'{image.shape} of {image.dtype}.'
        )
    return mmcv.rgb2bgr(image) if image.shape[2] == 3 else image


def _check_device(device: str | torch.device) -> torch.device:
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f'No such device: {device!r}. Use cpu, cuda or cuda:0.') from error
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise ConfigError(
            f'The device {device} was asked for, but PyTorch finds no GPU: use device=cpu, or look '
            'whether the installed PyTorch is built for CUDA.'
        )
    return device


@contextmanager
def _less_logging() -> Iterator[None]:
    """MMEngine logs how each single parameter is initialised."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')
    try:
        yield
    finally:
        logger.setLevel(level)
