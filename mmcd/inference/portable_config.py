"""What a checkpoint says of its config, so that it can be opened without one.

While training, :func:`portable_config` puts the model's part of the config into the checkpoint. The
file may later come from a stranger: :func:`config_of_checkpoint` takes plain values only, builds no
type but those that the registries of mmcd, MMSegmentation, MMPretrain and MMCV hold and whose
construction neither runs code of the file nor fetches anything, and keeps no path or address.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from mmcd.config import dataset_meta, evaluation_pipeline
from mmcd.errors import CheckpointError, ConfigError
from mmcd.io.checkpoint_meta import own_meta
from mmcd.io.literal_config import parse_config_text
from mmcd.registry import MODELS, TASK_UTILS, TRANSFORMS
from mmcd.structures import ImageSpec

# Keys of weights that a module would start from; a checkpoint brings its own.
STARTS = ('init_cfg', 'pretrained', 'checkpoint', 'checkpoint_path')
SCOPES = ('mmcd', 'mmseg', 'mmpretrain', 'mmengine')
# Modules whose classes fetch or unpickle files, or import what a setting names, when they are made.
UNSAFE_MODULES = (
    'mmseg.models.backbones.timm_backbone',
    'mmseg.models.backbones.vpd',
    'mmseg.models.text_encoder',
    'mmpretrain.models.backbones.timm_backbone',
    'mmpretrain.models.classifiers',
    'mmpretrain.models.multimodal',
    'mmpretrain.models.peft',
    'mmpretrain.models.tta',
)
SCALARS = (str, int, float, bool, type(None))
DEEPEST = 40


def portable_config(config: Config) -> dict[str, Any]:
    """What a model is built and fed by, in plain values.

    Args:
        config: as :func:`mmcd.config.load_config` gives it.

    Raises:
        ConfigError: a part of it is no plain value, such as a class or a function.
    """
    return dict(
        model=_plain(config.model, 'model'),
        image=_plain(config.get('image'), 'image'),
        pipeline=_plain(evaluation_pipeline(config) or [], 'pipeline'),
    )


def checkpoint_facts(config: Config) -> dict[str, Any]:
    """What a checkpoint notes of the config that it was trained with.

    For :func:`mmcd.io.checkpoint_meta.note`.
    """
    image = ImageSpec.from_config(config.get('image'))
    facts: dict[str, Any] = dict(
        image=image.to_dict(),
        classes=list(dataset_meta(config).get('classes', ())) or None,
        metres_per_pixel=image.metres_per_pixel,
    )
    # A config that holds classes or functions trains as well; its checkpoint is opened with it.
    with contextlib.suppress(ConfigError):
        facts['config'] = portable_config(config)
    return facts


def config_of_checkpoint(meta: Mapping[str, Any], checkpoint: str) -> Config:
    """The config that a checkpoint holds, for :func:`mmcd.config.load_config`.

    Args:
        meta: of the checkpoint; what mmcd noted comes before the text that MMEngine wrote.
        checkpoint: the file's name, for messages.

    Raises:
        CheckpointError: it holds none, or one with other things than plain values and known types.
    """
    noted = own_meta(meta).get('config')
    try:
        if noted is None:
            noted = _from_text(meta.get('cfg'))
        model, pipeline = _plain(noted['model'], 'model'), _plain(noted['pipeline'], 'pipeline')
        for part, registries in ((model, (MODELS, TASK_UTILS)), (pipeline, (TRANSFORMS,))):
            for kind in _types(part):
                _check_type(kind, registries)
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        reason = error if isinstance(error, ConfigError) else 'it lacks a model or a pipeline.'
        raise CheckpointError(
            f'The checkpoint {checkpoint} cannot be opened by itself: {reason} Name its config as '
            "well: init_model(config, checkpoint), or the tool's config and checkpoint."
        ) from error
    trained_on = meta.get('dataset_meta') or {}
    classes = {key: trained_on[key] for key in ('classes', 'palette') if key in trained_on}
    dataset = dict(type='BitemporalDataset', pipeline=pipeline, metainfo=classes)
    image = noted.get('image')
    return Config(
        dict(
            default_scope='mmcd',
            model=model,
            test_dataloader=dict(dataset=dataset),
            **(dict(image=_plain(image, 'image')) if image else {}),
        )
    )


def _from_text(text: Any) -> dict[str, Any]:
    if not isinstance(text, str):
        raise ConfigError('it holds no config, only weights.')
    settings = parse_config_text(text)
    return dict(
        model=settings['model'],
        image=settings.get('image'),
        pipeline=evaluation_pipeline(settings) or [],
    )


def _plain(node: Any, where: str, depth: int = 0) -> Any:
    """A part of a config as plain values, without the weights that it would start from."""
    if depth > DEEPEST:
        raise ConfigError(f'`{where}` is nested more than {DEEPEST} deep.')
    if isinstance(node, SCALARS):
        return node
    if isinstance(node, Mapping):
        return {
            key: _plain(value, f'{where}.{key}', depth + 1)
            for key, value in node.items()
            if not (key in STARTS and isinstance(key, str))
        }
    if isinstance(node, (list, tuple)):
        parts = [_plain(value, f'{where}[{i}]', depth + 1) for i, value in enumerate(node)]
        return parts if isinstance(node, list) else tuple(parts)
    raise ConfigError(f'`{where}` is a {type(node).__name__}, not a plain value.')


def _types(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if 'type' in node:
            yield node['type']
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _types(value)


def _check_type(kind: Any, registries: tuple[Registry, ...]) -> None:
    """Refuse what no registry holds: MMEngine would import whatever a dotted name names.

    Raises:
        ConfigError: the type is unknown, or one that a stranger's file may not build.
    """
    scope, _, name = str(kind).rpartition('.')
    found = None
    if isinstance(kind, str) and (not scope or scope in SCOPES):
        for registry in registries:
            found = found or _registered(registry, scope, name)
    if found is None:
        raise ConfigError(
            f'it names the type {kind!r}, which is none of mmcd, MMSegmentation, MMPretrain or '
            'MMCV. If it is your own, import the module that registers it first.'
        )
    module = getattr(found, '__module__', '') or ''
    if module.startswith(UNSAFE_MODULES):
        raise ConfigError(f'it names the type {kind!r}, which fetches or reads files when built.')


def _registered(registry: Registry, scope: str, name: str) -> Any:
    """A type by its name, without MMEngine's import of dotted names that are not registered."""
    nodes = list(_lineage(registry))
    if scope and scope != registry.scope:
        import_module(f'{scope}.registry')  # which makes its registries known
        nodes = [node for node in _family(nodes[-1]) if node.scope == scope]
    for node in nodes:
        node.import_from_location()
        if name in node.module_dict:
            return node.module_dict[name]
    return None


def _lineage(registry: Registry | None) -> Iterator[Registry]:
    while registry is not None:
        yield registry
        registry = registry.parent


def _family(root: Registry) -> Iterator[Registry]:
    yield root
    for child in root.children.values():
        yield from _family(child)
