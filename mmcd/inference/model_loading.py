"""A model from a config and a checkpoint, or from an exported file."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from mmcd.config import MODEL_SUFFIXES, dataset_meta, drop_pretrained, list_configs, load_config
from mmcd.errors import ConfigError, MMCDError
from mmcd.inference.exported import ExportedPredictor, is_exported
from mmcd.inference.portable_config import config_of_checkpoint
from mmcd.install.chatter import quiet_imports
from mmcd.io.checkpoint_file import first_line
from mmcd.io.checkpoint_meta import own_meta
from mmcd.io.checkpoints import read_checkpoint, safe_loading, take_weights
from mmcd.registry import MODELS
from mmcd.structures import ChangeClasses, ImageStatistics
from mmcd.weights import NAMES, find_model_file


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
            already read. Or, without ``checkpoint``, a model that brings its config along: a
            checkpoint that mmcd trained (.pth, .safetensors), an exported file (.onnx), or the name
            of a network that comes with mmcd ('buildings').
        checkpoint: the weights; without them the model is initialised at random, the encoder too.
            Or a file of ``tools/deployment/export_onnx.py`` (.onnx), which holds the network too:
            of the config only the reading of images and the windows are then used.
        device: where the model runs, such as 'cpu' or 'cuda:0'.
        cfg_options: settings that replace the config's, by dotted key.
        trust_checkpoint: load a checkpoint that holds other objects than tensors, which runs code
            from the file. The config in it is read as data all the same.
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
            trained on images of another kind than the config states, or holds no config where none
            is given.

    Example:
        >>> model = init_model('darnet_levir', 'darnet_levir.pth')
        >>> result = predict_pair(model, 'before.png', 'after.png')
        >>> same = init_model('darnet_levir.pth')  # the checkpoint holds its config
    """
    brings_config = checkpoint is None and is_model_file(config)
    if brings_config:
        checkpoint = find_model_file(cast('str | Path', config))
    elif checkpoint is None:
        _check_name(config)
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
        _check_changes_of_exported(cfg_options, brings_config=brings_config)
        predictor.cfg = None if brings_config else load_config(config, cfg_options)
        return predictor
    if runtime is not None or precision is not None:
        raise ConfigError(
            f'runtime={runtime} and precision={precision} are for exported models (.onnx). A '
            'checkpoint takes its precision where it is used: predict_pair(..., precision=...).'
        )
    content: dict[str, Any] = {}
    if checkpoint is not None:
        content = read_checkpoint(checkpoint, trusted=trust_checkpoint)
    with quiet_imports():  # what a config names is imported when it is looked up
        if brings_config:
            config = config_of_checkpoint(content.get('meta') or {}, str(checkpoint))
        model = _build(load_config(config, cfg_options), content, checkpoint)
    return model.to(device).eval()


def _check_changes_of_exported(
    cfg_options: Mapping[str, Any] | None, *, brings_config: bool
) -> None:
    """Check that settings of a config can change what an exported file does.

    Raises:
        ConfigError: one cannot: the network and its threshold are the file's.
    """
    unread = [
        key
        for key in cfg_options or ()
        if brings_config or (key.startswith('model') and not key.startswith('model.test_cfg'))
    ]
    if unread:
        raise ConfigError(
            f'cfg_options={", ".join(unread)} would change nothing: the network of an exported '
            'file and its settings are fixed. Give the settings where the model is exported; the '
            'threshold where it is used (predictor.threshold, --threshold).'
        )


def is_model_file(config: str | Path | Config) -> bool:
    """Whether what stands in the place of a config is a model: a file, or a name of ours."""
    if isinstance(config, Config):
        return False
    return str(config) in NAMES or Path(config).suffix.lower() in MODEL_SUFFIXES


def _check_name(config: str | Path | Config) -> None:
    """Offer a network of ours where its name is misspelt, rather than configs of similar names.

    Raises:
        ConfigError: see above.
    """
    if isinstance(config, Config) or Path(config).is_file() or str(config) in list_configs():
        return
    # Closer than below: a config may be meant, whose names are offered elsewhere.
    if hint := _did_you_mean(config, cutoff=0.8):
        raise ConfigError(f'No such model or config: {config}.{hint}')


def require_weights(model: str | Path) -> None:
    """Check that what is named holds weights, for tools whose answer would be random without.

    Args:
        model: what stands alone, without a checkpoint beside it.

    Raises:
        ConfigError: it is a config, or nothing that holds weights.
    """
    if is_model_file(model):
        return
    path = Path(model)
    if path.suffix == '.py' or path.name in list_configs():
        raise ConfigError(
            f'{model} is a config, which holds no weights: its network would find changes at '
            'random. Name a config and a checkpoint (CONFIG CHECKPOINT), or a checkpoint alone, '
            'which brings its config.'
        )
    raise ConfigError(
        f'{model} is no model. A model is a file ({", ".join(MODEL_SUFFIXES)}) or the name of a '
        f'network that comes with mmcd ({", ".join(NAMES)}).' + _did_you_mean(model, cutoff=0.5)
    )


def _did_you_mean(model: str | Path | Config, *, cutoff: float) -> str:
    """A question that offers the network of ours whose name is nearest; '' where none is near."""
    near = difflib.get_close_matches(str(model).lower(), NAMES, n=1, cutoff=cutoff)
    return f' Did you mean {near[0]}?' if near else ''


def _build(cfg: Config, content: dict[str, Any], checkpoint: str | Path | None) -> nn.Module:
    model = _build_model(cfg)
    meta = dataset_meta(cfg)
    if checkpoint is None:
        warnings.warn(
            f'The network of {cfg.filename or "the config"} has random weights, and finds changes '
            'at random, until a checkpoint is loaded: init_model(config, checkpoint).',
            stacklevel=3,
        )
        with safe_loading(), _less_logging():
            model.init_weights()
    else:
        loaded = take_weights(model, content, checkpoint)
        trained_on = loaded.get('dataset_meta') or {}
        meta = {
            **meta,
            **{key: trained_on[key] for key in ('classes', 'palette') & trained_on.keys()},
        }
        model.statistics = ImageStatistics.from_dict(own_meta(loaded).get('statistics'))
    model.cfg = cfg
    model.dataset_meta = meta
    if 'classes' in meta:
        model.classes = ChangeClasses.from_meta(meta)
    return model


def _check_device(device: str | torch.device) -> torch.device:
    try:
        device = torch.device(device)
        if device.type == 'meta':
            raise RuntimeError('it holds no values')
        if device.type != 'cuda':
            torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split('\n')[0]
        raise ConfigError(
            f'The device {device!s} cannot be used: {reason}. Use cpu, cuda or cuda:0.'
        ) from error
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise ConfigError(
            f'The device {device} was asked for, but PyTorch finds no GPU: use device=cpu, or look '
            'whether the installed PyTorch is built for CUDA.'
        )
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f'The device {device} was asked for, but there are {torch.cuda.device_count()} GPUs, '
            'counted from cuda:0.'
        )
    return device


def _build_model(cfg: Config) -> Any:
    """The model of a config, without its weights.

    Raises:
        ConfigError: there is none, or its settings do not go together.
    """
    if not isinstance(cfg.get('model'), dict):
        raise ConfigError(
            f'The config {cfg.filename or ""} has no `model`, a dict of settings, but '
            f'{cfg.get("model")!r}.'
        )
    # The checkpoint replaces the encoder's pretrained weights; without one, nothing is downloaded.
    drop_pretrained(cfg.model)
    try:
        with safe_loading():  # backbones may read weights in ways of their own
            return revert_sync_batchnorm(MODELS.build(cfg.model))
    except MMCDError:
        raise
    except Exception as error:  # of a user's settings in any layer of PyTorch's
        raise ConfigError(
            f'The model cannot be built from its config: {first_line(error)}. Look at `model` in '
            'the config, and at the settings that were changed.'
        ) from error


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
