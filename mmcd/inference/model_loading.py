"""A model from a config and a checkpoint, or from an exported file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from mmcd.config import dataset_meta, drop_pretrained, load_config
from mmcd.errors import ConfigError
from mmcd.inference.exported import ExportedPredictor, is_exported
from mmcd.io.checkpoints import load_weights
from mmcd.registry import MODELS
from mmcd.structures import ChangeClasses


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
    *,
    trust_checkpoint: bool = False,
    runtime: str | None = None,
    precision: str | None = None,
) -> nn.Module | ExportedPredictor:
    """Build a model and load its weights, or open an exported one.

    Args:
        config: a config file, the name of one of mmcd's own such as 'darnet_levir', or a config
            already read.
        checkpoint: the weights; without them the model is initialised at random, the encoder too.
            Or a file of ``tools/deployment/export_onnx.py`` (.onnx), which holds the network too:
            of the config only the reading of images and the windows are then used.
        device: where the model runs, such as 'cpu' or 'cuda:0'.
        cfg_options: settings that replace the config's, by dotted key.
        trust_checkpoint: load a checkpoint that holds other objects than tensors, which runs code
            from the file.
        runtime: of an exported file: 'onnxruntime' (the default) or 'openvino'.
        precision: of an exported file: 'float32' (the default), or with OpenVINO 'bfloat16'. Other
            models take it where they are called, see :func:`mmcd.apis.predict_pair`.

    Returns:
        The model in eval mode, with its config as ``cfg`` and the classes of its data set as
        ``dataset_meta``; or the exported model's predictor.

    Raises:
        ConfigError: the config can't be read, or there is no such device, or a runtime or a
            precision does not fit.
        ExportError: the exported file can't be read.
        CheckpointError: the checkpoint can't be read safely, or does not fit the model, or was
            trained on images of another kind than the config states.

    Example:
        >>> model = init_model('darnet_levir', 'darnet_levir.pth')
        >>> result = predict_pair(model, 'before.png', 'after.png')
    """
    cfg = load_config(config, cfg_options)
    device = _check_device(device)
    # Types without a scope, such as those in a data set's pipeline, are ours.
    init_default_scope('mmcd')
    if checkpoint is not None and is_exported(checkpoint):
        predictor = ExportedPredictor(
            checkpoint,
            runtime=runtime or 'onnxruntime',
            precision=precision or 'float32',
            device=str(device),
        )
        predictor.cfg = cfg
        return predictor
    if runtime is not None or precision is not None:
        raise ConfigError(
            f'runtime={runtime} and precision={precision} are for exported models (.onnx). A '
            'checkpoint takes its precision where it is used: predict_pair(..., precision=...).'
        )
    # The checkpoint replaces the encoder's pretrained weights; without one, nothing is downloaded.
    drop_pretrained(cfg.model)
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    meta = dataset_meta(cfg)
    if checkpoint is None:
        with _less_logging():
            model.init_weights()
    else:
        loaded = load_weights(model, checkpoint, trusted=trust_checkpoint)
        trained_on = loaded.get('dataset_meta') or {}
        meta = {
            **meta,
            **{key: trained_on[key] for key in ('classes', 'palette') & trained_on.keys()},
        }
    model.cfg = cfg
    model.dataset_meta = meta
    if 'classes' in meta:
        model.classes = ChangeClasses.from_meta(meta)
    return model.to(device).eval()


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
