"""The protocol of a test run: all that decides about its figures, in plain values."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch import nn

from mmcd.engine.inference_swap import innermost
from mmcd.engine.shown_pair import images_and_classes, parts_of
from mmcd.inference.network_predictor import AS_TRAINED
from mmcd.inference.precision import has_tf32_convolutions
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.install.stack import OPENCV, OWNERS, PLAIN
from mmcd.io.checkpoints import weights_sha256
from mmcd.io.hashing import sha256_of
from mmcd.models.model_description import (
    threshold_of,
    threshold_origin_of,
    threshold_tuning_of,
)
from mmcd.version import __version__

# Keys of a config that say where and with which numbers a run takes place, not what it is.
OF_THE_RUN = (
    *('work_dir', 'launcher', 'model_wrapper_cfg', 'env_cfg', 'randomness', 'data_root'),
    *('resume', 'load_from', 'log_level', 'visualizer', 'default_hooks', 'custom_hooks'),
    *('num_workers', 'persistent_workers', 'meta_keys', 'pair_meta_keys'),
)
# And those that say neither which network is trained nor on what.
NOT_TRAINED = ('init_cfg', 'pretrained', 'cache', 'with_cp', 'threshold', 'test_cfg')


def describe_protocol(
    runner: Runner,
    *,
    config: str,
    checkpoint: str,
    checkpoint_meta: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a runner that only tests is about to score, and how.

    Args:
        runner: its model is a predictor already (:func:`mmcd.engine.inference_swap.use_predictor`),
            or one that no predictor is made of.
        config: the config file, as it was named.
        checkpoint: the file of the weights, or the exported model.
        checkpoint_meta: what the checkpoint says of itself.
    """
    dataset = runner.test_loop.dataloader.dataset
    image, _ = images_and_classes(dataset)
    return dict(
        config=config,
        config_sha256=hash_config(runner.cfg),
        checkpoint=checkpoint,
        checkpoint_sha256=sha256_of(checkpoint),
        seed=(checkpoint_meta or {}).get('seed'),
        **describe_split(dataset),
        metres_per_pixel=image.metres_per_pixel,
        **describe_windows(runner.cfg),
        **describe_model(innermost(runner.model)),
        processes=get_world_size(),
        **describe_software(),
    )


def describe_split(dataset: Any) -> dict[str, Any]:
    """Type, folder and split of a data set, also of several behind one another."""
    parts = parts_of(dataset)
    lists = [getattr(part, 'list_file', None) for part in parts]
    named = dict(
        dataset=[type(part).__name__ for part in parts],
        data_root=[str(getattr(part, 'data_root', '') or '') for part in parts],
        split=[str(getattr(part, 'split', '') or '') for part in parts],
        list_file=[str(each) for each in lists if each] or [''],
    )
    return {key: ' + '.join(dict.fromkeys(values)) for key, values in named.items()}


def describe_windows(cfg: Config) -> dict[str, Any]:
    """Whether images are predicted whole or in windows, whose size and stride are in pixels."""
    model = cfg.model.get('module', cfg.model)
    test_cfg = model.get('test_cfg') or {}
    mode = test_cfg.get('mode', 'whole')
    return dict(
        mode=mode,
        window=list(test_cfg['crop_size']) if mode == 'slide' else None,
        stride=list(test_cfg['stride']) if mode == 'slide' else None,
    )


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Form, precision, threshold, weights and device of what predicts."""
    if not isinstance(model, PredictorSegmentor):
        device = next((p.device.type for p in model.parameters()), 'cpu')
        return dict(
            model=type(model).__name__,
            weights_sha256=weights_sha256(model),
            form=AS_TRAINED,
            precision='float32',
            tta=None,
            threshold=threshold_of(model),
            threshold_origin=threshold_origin_of(model),
            threshold_tuning=threshold_tuning_of(model),
            **describe_device(device),
        )
    predictor = model.predictor
    said = predictor.describe()
    device = said.get('device', 'cpu')
    return dict(
        model=said['type'],
        weights_sha256=said.get('weights_sha256'),
        form=said.get('form'),
        runtime=said.get('runtime', 'PyTorch'),
        precision=predictor.precision,
        tta=said.get('tta'),
        threshold=predictor.threshold,
        threshold_origin=predictor.threshold_origin,
        threshold_tuning=dict(predictor.threshold_tuning or {}) or None,
        **describe_device(device),
    )


def describe_device(device: str) -> dict[str, Any]:
    """A device's kind, its name, and whether float32 is less than float32 in its convolutions."""
    if device.startswith('cuda') and torch.cuda.is_available():
        return dict(
            device=device, device_name=torch.cuda.get_device_name(), tf32=has_tf32_convolutions()
        )
    name = platform.processor() or platform.machine()
    return dict(device=device, device_name=name, tf32=False)


def describe_software() -> dict[str, Any]:
    """Versions of mmcd and of what it runs on, and when."""
    names = [*PLAIN, 'numpy', 'scipy', *OPENCV]
    names += [name for owners in OWNERS.values() for each in owners.values() for name in each]
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(
        mmcd=__version__,
        stack=dict(python=platform.python_version(), **versions),
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
    )


def hash_config(cfg: Config) -> str:
    """A hash of what a config says, without where it runs, its seed and its data's folder."""
    return _hash(_without(cfg.to_dict(), OF_THE_RUN))


def hash_trained(cfg: Config) -> str:
    """A hash of which network a config trains, and on what data, wherever those lie.

    Not of the schedule, since a training may be made longer, nor of the pretrained weights, which a
    training that goes on has no use for, nor of what changes neither: memory, and the prediction.
    """
    said = cfg.to_dict()
    data = (said.get('train_dataloader') or {}).get('dataset')
    return _hash(_without([said.get('model'), data], (*OF_THE_RUN, *NOT_TRAINED)))


def hash_start(cfg: Config) -> str:
    """A hash of what else decides what a training ends with, which :func:`hash_config` leaves out.

    What it starts from, its hooks, such as the averaging of weights and early stopping, and by what
    the best checkpoint is chosen.
    """
    said = cfg.to_dict()
    checkpoint = (said.get('default_hooks') or {}).get('checkpoint')
    return _hash([said.get('load_from'), said.get('custom_hooks'), checkpoint])


def _hash(settings: Any) -> str:
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(node: Any, left_out: Sequence[str]) -> Any:
    if isinstance(node, dict):
        return {str(k): _without(v, left_out) for k, v in node.items() if k not in left_out}
    if isinstance(node, (list, tuple)):
        return [_without(value, left_out) for value in node]
    return str(node) if isinstance(node, Path) else node
