"""Reading configs with the settings that a command line adds."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.model.weight_init import PretrainedInit
from mmengine.registry import Registry

from mmcd.config_checks import check_options
from mmcd.datasets.bitemporal import own_classes
from mmcd.errors import ConfigError
from mmcd.io.data_config import check_data_config, is_data_config
from mmcd.registry import DATASETS, MODELS
from mmcd.structures import ImageSpec

MODEL_SUFFIXES = ('.pth', '.pt', '.ckpt', '.safetensors', '.onnx')

# Settings that a config makes once, at its top, and the key that takes each wherever it is used.
SET_ONCE = {'data_root': 'data_root', 'pretrained': 'checkpoint'}


# The data sets that take the image description of a config.
IMAGE_DATASETS = ('BitemporalDataset', 'SyntheticPairDataset')


def load_config(path: str | Path | Config, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file and merge settings into it.

    A config sets ``data_root`` once, at its top, and ``pretrained`` where it has a pretrained
    encoder; a new value in ``options`` reaches every place that was built from it. With
    ``pretrained=None`` the encoder starts from its own initialisation.

    ``image``, the image description (:class:`mmcd.structures.ImageSpec`), is stated once at the
    top, too; every data set of pairs and the model get it.

    Args:
        path: a config file, or the name of one of mmcd's own (see :func:`list_configs`), or a
            config already read (it is copied).
        options: settings by dotted key, such as ``{'train_cfg.max_iters': 4}``.

    Raises:
        ConfigError: there is no such file, or it can't be read, or nothing reads a setting, or its
            key is but a slip away from one that the config has; similar names are offered.
    """
    config = copy.deepcopy(path) if isinstance(path, Config) else _read(Path(path))
    before = {key: config.get(key) for key in SET_ONCE}
    if options:
        _merge(config, options)
    for key, used_as in SET_ONCE.items():
        if config.get(key) == before[key]:
            continue
        replaced = _replace(config._cfg_dict, used_as, before[key], config.get(key))
        if not replaced and config.get(key) is not None:
            raise ConfigError(
                f'Nothing reads {key}={config.get(key)!r}: it replaces {used_as}={before[key]!r} '
                'wherever a config has that, and this config does not have it. Name the '
                'settings themselves, such as train_dataloader.dataset.data_root=FOLDER, or change '
                'a copy of the file.'
            )
    _hand_on(config)
    drop_pretrained(config.get('model'), only_unset=True)
    return config


def _hand_on(config: Config) -> None:
    """Give data sets and model what the config states once: the images, and the classes."""
    model = config.get('model') or {}
    if not isinstance(model, dict):
        raise ConfigError(f'`model` is a dict of settings in a config, not {model!r}.')
    is_pair_model = _is_kind_of(MODELS, model, 'SiameseEncoderDecoder')
    meta = dataset_meta(config)
    if is_pair_model and 'classes' in meta:
        model['classes'] = meta
    if config.get('image') is None:
        return
    image = ImageSpec.from_config(config.image).to_dict()
    for dataset in _datasets_of(config, 'train', 'val', 'test'):
        if any(_is_kind_of(DATASETS, dataset, kind) for kind in IMAGE_DATASETS):
            dataset['image'] = image
    if is_pair_model:
        model['image'] = image
    elif _is_kind_of(MODELS, model.get('data_preprocessor') or {}, 'PairDataPreprocessor'):
        model['data_preprocessor']['image'] = image


def dataset_meta(config: Config) -> dict[str, Any]:
    """Classes and palette of the data set that a config is for, without indexing its files."""
    for settings in _datasets_of(config, 'test', 'val', 'train'):
        kind = settings.get('type')
        kind = DATASETS.get(kind) if isinstance(kind, str) else kind
        meta = own_classes(getattr(kind, 'METAINFO', {}), settings.get('metainfo'))
        return {key: meta[key] for key in ('classes', 'palette') if key in meta}
    return {}


def evaluation_pipeline(config: Mapping[str, Any]) -> list[dict] | None:
    """The transforms of the test data set, else of the validation's; None if the config has none.

    Within a wrapper such as ConcatDataset, those of the first data set.
    """
    pipelines = (settings.get('pipeline') for settings in _datasets_of(config, 'test', 'val'))
    return next(filter(None, pipelines), None)


def _datasets_of(config: Mapping[str, Any], *splits: str) -> Iterator[dict]:
    """The settings of the data sets of these splits, split by split."""
    for split in splits:
        yield from _datasets((config.get(f'{split}_dataloader') or {}).get('dataset'))


def _datasets(dataset: Any) -> Iterator[dict]:
    """The data sets within wrappers such as ConcatDataset and RepeatDataset."""
    if not isinstance(dataset, dict):
        return
    inner = [dataset['dataset']] if 'dataset' in dataset else dataset.get('datasets') or []
    if not inner:
        yield dataset
    for each in inner:
        yield from _datasets(each)


def _is_kind_of(registry: Registry, settings: dict, name: str) -> bool:
    kind = settings.get('type')
    kind = registry.get(kind) if isinstance(kind, str) else kind
    base = registry.get(f'mmcd.{name}')
    return isinstance(kind, type) and isinstance(base, type) and issubclass(kind, base)


def drop_pretrained(node: Any, *, only_unset: bool = False) -> None:
    """Take out of a config each ``init_cfg`` that reads pretrained weights.

    The module's own initialisation is left in its place. ``pretrained``, which encoders and
    segmentors of MMSegmentation take too, becomes None, also for TIMMBackbone, whose default it is.

    Args:
        node: a model's config, or a part of it; changed in place.
        only_unset: only those whose checkpoint is None, which is how a config says "from scratch".
    """
    if isinstance(node, dict):
        settings = node.get('init_cfg')
        several = settings if isinstance(settings, (list, tuple)) else [settings]
        kept = [each for each in several if not _reads_pretrained(each, only_unset)]
        if len(kept) < len(several):
            node.pop('init_cfg')
            if kept:
                node['init_cfg'] = kept
        if not only_unset and ('pretrained' in node or _name_of(node) == 'TIMMBackbone'):
            node['pretrained'] = None
        for value in node.values():
            drop_pretrained(value, only_unset=only_unset)
    elif isinstance(node, (list, tuple)):
        for value in node:
            drop_pretrained(value, only_unset=only_unset)


def _reads_pretrained(settings: Any, only_unset: bool) -> bool:
    """Whether an ``init_cfg`` reads pretrained weights, by whatever scope its type is named."""
    if not isinstance(settings, dict) or (only_unset and settings.get('checkpoint')):
        return False
    kind = settings.get('type')
    if isinstance(kind, type):
        return issubclass(kind, PretrainedInit)
    return _name_of(settings) in ('Pretrained', 'PretrainedInit')


def _name_of(settings: Mapping[str, Any]) -> str:
    """The name of a type without its scope: to look it up would import what a dotted name names."""
    kind = settings.get('type')
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2]


def list_configs() -> list[str]:
    """The names of mmcd's own configs, each of which :func:`load_config` takes.

    Example:
        >>> 'darnet_levir' in list_configs()
        True
    """
    return sorted(path.stem for path in _own_folder().glob('*.py'))


def _own_folder() -> Path:
    """Beside the package in a checkout; where mim looks for them in what a wheel has installed."""
    package = Path(__file__).resolve().parent
    # Not by the folder alone: site-packages may hold another project's `configs`.
    is_checkout = (package.parent / 'setup.py').is_file()
    return package.parent / 'configs' if is_checkout else package / '.mim' / 'configs'


def _read(path: Path) -> Config:
    if not path.is_file():
        path = _find_own(path)
    if is_data_config(path):
        check_data_config(path, _own_folder())
    if path.suffix.lower() in MODEL_SUFFIXES:
        raise ConfigError(
            f'{path} is a model file, where a config is expected: the config comes first, then the '
            'checkpoint.'
        )
    try:
        return Config.fromfile(str(path))
    except Exception as error:  # whatever the config's own Python raises
        raise ConfigError(f'Cannot read the config {path}: {error}') from error


def _find_own(path: Path) -> Path:
    """The file of a config of ours that is given by its name, with its suffix or without."""
    is_name = len(path.parts) == 1
    if is_name and path.name.removesuffix('.py') in list_configs():
        return _own_folder() / f'{path.name.removesuffix(".py")}.py'
    names = list_configs() if is_name else []
    folder = path.parent if path.parent.is_dir() else Path('configs')
    if folder.is_dir():
        names += [str(file) for file in sorted(folder.glob('*.py'))]
    near = difflib.get_close_matches(str(path), names, n=3, cutoff=0.5)
    hint = (
        f'Did you mean {" or ".join(near)}?'
        if near
        else f"mmcd's own lie in {_own_folder()}; mmcd.apis.list_configs() names them."
    )
    raise ConfigError(f'No such config file: {path} (from {Path.cwd()}). {hint}')


def _merge(config: Config, options: Mapping[str, Any]) -> None:
    check_options(config, options)
    if options.get('pretrained') is not None and 'pretrained' not in config:
        raise ConfigError(
            f'Nothing reads pretrained={options["pretrained"]!r}: the network of this config '
            'starts from scratch. To start from a checkpoint of mmcd, give load_from=FILE.'
        )
    if 'pretrained' in options and options['pretrained'] is None:
        drop_pretrained(config.get('model'))
    for key in options:
        _check_spelling(config, key)
    try:
        config.merge_from_dict(dict(options))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'Cannot merge the settings {dict(options)} into the config: {error}. Keys are dotted '
            'paths in the config, such as train_cfg.max_iters=4; lists are indexed by number.'
        ) from error


def _check_spelling(config: Config, key: str) -> None:
    """New keys are allowed, as everywhere in MMEngine, but not one that looks like a slip."""
    node: Any = config._cfg_dict
    parts = key.split('.')
    for index, part in enumerate(parts):
        if isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            names = map(str, node) if isinstance(node, dict) else ()
            # Slips seldom touch the first letter; `dtype` beside `type` is a setting of its own.
            alike = [name for name in names if name[:1] == part[:1]]
            near = difflib.get_close_matches(part, alike, n=1, cutoff=0.8)
            if near:
                meant = '.'.join([*parts[:index], *near, *parts[index + 1 :]])
                raise ConfigError(f'The config has no setting {key}. Did you mean {meant}?')
            return


def _replace(node: Any, key: str, old: Any, new: Any) -> int:
    """Set ``key`` to ``new`` wherever it holds ``old``, at any depth; says how often."""
    if isinstance(node, dict):
        number = 0
        for name, value in node.items():
            if name == key and value == old:
                node[name] = new
                number += 1
            else:
                number += _replace(value, key, old, new)
        return number
    values = node if isinstance(node, (list, tuple)) else ()
    return sum(_replace(value, key, old, new) for value in values)
