"""What is to be audited: the splits of a config, or of a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcd.config_checks import similar_types
from mmcd.data_tools.audit.findings import Finding
from mmcd.data_tools.audit.inspection import PairTask
from mmcd.datasets import BitemporalDataset, benchmarks
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.layout import ANY_SUFFIX, SPLITS, PairLayout, read_manifest
from mmcd.datasets.pair_index import PairFiles, PairFolder, read_list_file, strip_endings
from mmcd.errors import ConfigError, DatasetNotFoundError
from mmcd.io.images import Window
from mmcd.registry import DATASETS
from mmcd.structures import BINARY_CHANGE, ChangeClasses, ImageSpec

logger = logging.getLogger('mmcd')


@dataclass(frozen=True)
class AuditSplit:
    """A split to audit.

    Args:
        name: of the split.
        folders: those of before, after and label.
        encoding: what its label values mean.
        names: only these pairs; None: all.
        classes: of its labels.
        image: the image description of its config; None: images are taken as they are.
        pairs: the pairs with the part of each that belongs to the split, of a data set that does
            not lie in three folders; None: those of ``folders``.
    """

    name: str
    folders: tuple[PairFolder, PairFolder, PairFolder]
    encoding: LabelEncoding
    names: tuple[str, ...] | None = None
    classes: ChangeClasses = BINARY_CHANGE
    image: ImageSpec | None = None
    pairs: tuple[tuple[PairFiles, Window | None], ...] | None = None


@dataclass
class Listing:
    """A split's whole pairs, and the files that have no partners."""

    tasks: list[PairTask] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def splits_of_config(config: Config) -> list[AuditSplit]:
    """The splits that a config trains, validates and tests on.

    Raises:
        ConfigError: there is no data set of a type, or none of the data sets is of pairs.
    """
    splits: dict[str, AuditSplit] = {}
    for name in SPLITS:
        settings = (config.get(f'{name}_dataloader') or {}).get('dataset')
        if not settings:
            continue
        kind = _dataset_type(settings, name)
        if not issubclass(kind, BitemporalDataset):
            logger.warning(
                '%s: what %s holds is not audited, nor compared with other splits. Audit the '
                'folders one by one: mmcd audit FOLDER.',
                name,
                kind.__name__,
            )
            continue
        # Not indexed: its errors would stop at the first of what an audit lists in full.
        dataset = DATASETS.build({**settings, 'pipeline': [], 'lazy_init': True})
        names = tuple(read_list_file(dataset.list_file)) if dataset.list_file else None
        split = AuditSplit(
            name,
            dataset.folders,
            dataset.label_encoding,
            names,
            dataset.classes,
            dataset.image,
            _own_pairs(dataset),
        )
        # A config may validate and test on the same split, which is no leak.
        if name != 'test' or replace(split, name='val') != splits.get('val'):
            splits[name] = split
    if not splits:
        raise ConfigError('The config has no BitemporalDataset in its data loaders.')
    return list(splits.values())


def _dataset_type(settings: Mapping[str, Any], split: str) -> type:
    kind = settings['type']
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if not isinstance(found, type):
        raise ConfigError(
            f'{split}_dataloader.dataset.type: there is no dataset {kind!r}.'
            f'{similar_types(kind, DATASETS)}'
        )
    return found


def _own_pairs(
    dataset: BitemporalDataset,
) -> tuple[tuple[PairFiles, Window | None], ...] | None:
    """The pairs of a data set that finds them by a rule of its own, a table or patterns."""
    if dataset.pairs is None and type(dataset).find_pairs is BitemporalDataset.find_pairs:
        return None
    return tuple((pair, dataset.area(pair)) for pair in dataset.find_pairs())


def splits_of_folder(folder: Path, given: Mapping[str, Any] | None = None) -> list[AuditSplit]:
    """The splits in a folder, whose layout is the one asked for, or that of a known data set.

    Args:
        folder: holds ``{train,val,test}/{before,after,label}``, or the three folders themselves.
        given: parts of the layout, by the names of :class:`mmcd.datasets.layout.PairLayout`.

    Raises:
        DatasetNotFoundError: there are no such folders.
        ConfigError: the label encoding asked for is none.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f'There is no folder {folder} (from here: {Path.cwd()}).')
    names = [name for name in SPLITS if (folder / name).is_dir()] or ['']
    layout = _layout_of(folder, names[0], dict(given or {}))
    classes = layout.classes
    encoding = LabelEncoding.from_config(layout.label_encoding, classes)
    return [
        AuditSplit(name or 'all', layout.folders(folder / name), encoding, classes=classes)
        for name in names
    ]


def list_pairs(split: AuditSplit) -> Listing:
    """All whole pairs of a split, with a finding for each file that is alone."""
    if split.pairs is not None:
        tasks = [
            PairTask(split.name, pair, split.encoding, split.classes, split.image, area)
            for pair, area in split.pairs
        ]
        return Listing(tasks)
    found = [_list_files(folder) for folder in split.folders]
    every = sorted(set().union(*found))
    if split.names is not None:
        every = strip_endings(split.names, split.folders)
    listing = Listing()
    for name in every:
        files = [there.get(name) for there in found]
        before, after, label = files
        if before and after and label:
            pair = PairFiles(name, before, after, label)
            listing.tasks.append(
                PairTask(split.name, pair, split.encoding, split.classes, split.image)
            )
            continue
        missing = ' and '.join(
            f'{folder.role} ({folder.path / name}.*)'
            for folder, path in zip(split.folders, files, strict=True)
            if path is None
        )
        there_are = tuple(str(path) for path in files if path) or (name,)
        listing.findings.append(
            Finding('missing partner', split.name, there_are, f'there is no {missing}')
        )
    return listing


def _list_files(folder: PairFolder) -> dict[str, Path]:
    """Files by their names without ending.

    Raises:
        DatasetNotFoundError: the folder is missing.
    """
    if not folder.path.is_dir():
        raise DatasetNotFoundError(
            f'No such folder: {folder.path} (the {folder.role} files). Name the folders with '
            '--before, --after and --label.'
        )
    return {
        path.stem: path
        for path in sorted(folder.path.iterdir())
        if path.suffix.lower() in folder.suffixes and not path.name.startswith('.')
    }


def _layout_of(folder: Path, split: str, given: dict[str, Any]) -> PairLayout:
    """The layout asked for; else of a prepared folder; else of the data set that it looks like."""
    manifest = read_manifest(folder)
    if manifest is not None:
        return replace(manifest.layout, **given)
    layout = replace(PairLayout(), image_suffixes=ANY_SUFFIX, label_suffixes=ANY_SUFFIX)
    if not {'before_dir', 'after_dir', 'label_dir'} & given.keys():
        there = {path.name for path in (folder / split).iterdir()}
        for known in _known_layouts():
            if {known.before_dir, known.after_dir, known.label_dir} <= there:
                layout = replace(
                    layout,
                    before_dir=known.before_dir,
                    after_dir=known.after_dir,
                    label_dir=known.label_dir,
                    label_encoding=known.label_encoding,
                )
                break
    return replace(layout, **given)


def _known_layouts() -> Sequence[PairLayout]:
    kinds = [BitemporalDataset, *vars(benchmarks).values()]
    return [
        kind.published_layout()
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BitemporalDataset)
    ]
