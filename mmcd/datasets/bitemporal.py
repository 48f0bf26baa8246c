"""The data set of image pairs with change labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.layout import PairLayout, prepared_layout
from mmcd.datasets.listed_pairs import find_listed_pairs
from mmcd.datasets.pair_index import PairFiles, index_pairs, read_list_file
from mmcd.datasets.pixel_cache import open_cache
from mmcd.datasets.windows import SceneWindows
from mmcd.errors import ConfigError, DatasetError, MissingFileError, MMCDError
from mmcd.io.images import Window, read_header
from mmcd.registry import DATASETS
from mmcd.structures import BINARY_CHANGE, ChangeClasses, ImageSpec


@DATASETS.register_module()
class BitemporalDataset(BaseDataset):
    """Pairs of images with a change label, in three folders of files that share their names.

    The files are ``{data_root}/{split}/{folder}/{name}{ending}``. The index is checked when the
    data set is built: each before, after and label file is there, and none is left over.

    A folder that ``tools/dataset_converters/prepare.py`` made is read as its ``prepared.json``
    says, whichever subclass reads it; arguments given here come first.

    A subclass for a published data set is its data sheet: it sets the defaults below as class
    attributes (``BEFORE_DIR`` ...) and states source, size and licence in its docstring.

    Args:
        data_root: the data set's folder.
        split: the sub-folder of the split; '' where the three folders lie in ``data_root``.
        before_dir: folder of the first date.
        after_dir: folder of the second date.
        label_dir: folder of the labels.
        image_suffixes: endings of the image files.
        label_suffixes: endings of the label files.
        label_encoding: what the label values mean: ``dict(unchanged=0, changed=255)``, or
            ``dict(threshold=127)``; see :class:`mmcd.datasets.LabelEncoding`.
        image: the image description, see :class:`mmcd.structures.ImageSpec`; None: 8-bit RGB. A
            config states it once, as ``image`` at its top level.
        metainfo: replaces parts of ``METAINFO``, such as ``classes`` and ``palette``.
        pairs: instead of three folders, a table (.csv, relative to ``data_root``) with the columns
            before, after, label and perhaps name and split; or three patterns within the folder of
            the split, such as '{name}_2016.tif {name}_2018.tif {name}_mask.png'.
        list_file: a text file, relative to ``data_root``, that names the pairs of this split.
        cache: 'memmap' decodes each file once, into a cache that all loading processes share; None
            decodes files each time; see :func:`mmcd.datasets.pixel_cache.open_cache`.
        windows: cut the pairs while they are read, such as ``dict(size=256, stride=256)``: a sample
            is then a window, see :class:`mmcd.datasets.windows.SceneWindows`. None: whole pairs.
        pipeline: the transforms.
        **kwargs: ``indices``, ``lazy_init``, ``test_mode`` ...: see
            :class:`mmengine.dataset.BaseDataset`.

    Raises:
        DatasetNotFoundError: folders or files are missing (all named, up to 20).
        DatasetError: files are left over, or share a name within a folder, or the folder's
            preparation was stopped before its end.
        ConfigError: ``label_encoding``, ``image`` or ``cache`` cannot be used, or there is an
            ``ann_file``; ``list_file`` takes its place.
    """

    METAINFO = BINARY_CHANGE.to_meta()

    BEFORE_DIR: str = 'A'
    AFTER_DIR: str = 'B'
    LABEL_DIR: str = 'label'
    IMAGE_SUFFIXES: tuple[str, ...] = ('.png',)
    LABEL_SUFFIXES: tuple[str, ...] = ('.png',)
    LABEL_ENCODING: Mapping[str, int] = dict(unchanged=0, changed=255)

    def __init__(
        self,
        *,
        data_root: str,
        split: str,
        before_dir: str | None = None,
        after_dir: str | None = None,
        label_dir: str | None = None,
        image_suffixes: str | Sequence[str] | None = None,
        label_suffixes: str | Sequence[str] | None = None,
        label_encoding: Mapping[str, int] | None = None,
        image: Mapping[str, Any] | ImageSpec | None = None,
        metainfo: Mapping[str, Any] | None = None,
        list_file: str | None = None,
        pairs: str | None = None,
        cache: str | dict | None = None,
        windows: Mapping[str, Any] | None = None,
        pipeline: Sequence[dict] = (),
        **kwargs: Any,
    ) -> None:
        if kwargs.get('ann_file'):
            raise ConfigError(
                f'{type(self).__name__} does not take ann_file={kwargs["ann_file"]!r}: use '
                'list_file, a file with one pair name per line, or pairs, a table of their files.'
            )
        self.split = split
        layout = prepared_layout(Path(data_root)) or self.published_layout()
        layout = replace(
            layout,
            before_dir=before_dir or layout.before_dir,
            after_dir=after_dir or layout.after_dir,
            label_dir=label_dir or layout.label_dir,
            image_suffixes=_as_suffixes(image_suffixes or layout.image_suffixes),
            label_suffixes=_as_suffixes(label_suffixes or layout.label_suffixes),
            label_encoding=label_encoding or layout.label_encoding,
        )
        self.folders = layout.folders(Path(data_root) / split)
        self.image = ImageSpec.from_config(image)
        self.classes = ChangeClasses.from_meta(own_classes(self.METAINFO, metainfo))
        metainfo = {
            **(metainfo or {}),
            **self.classes.to_meta(),
            'image': self.image.to_dict(),
        }
        self.label_encoding = LabelEncoding.from_config(layout.label_encoding, self.classes)
        self.pixel_cache = open_cache(cache, data_root, dataset=type(self).__name__)
        self.list_file = Path(data_root) / list_file if list_file else None
        self.pairs = pairs
        self.windows = SceneWindows.from_config(windows) if windows else None
        # Transforms that are named without a scope are ours, wherever the data set is made.
        with DefaultScope.overwrite_default_scope('mmcd'):
            super().__init__(
                metainfo=metainfo,
                data_root=data_root,
                data_prefix={},
                pipeline=list(pipeline),
                **kwargs,
            )

    @classmethod
    def published_layout(cls) -> PairLayout:
        """The layout in which the data set's authors publish it: the class attributes."""
        return PairLayout(
            image_suffixes=cls.IMAGE_SUFFIXES,
            before_dir=cls.BEFORE_DIR,
            after_dir=cls.AFTER_DIR,
            label_dir=cls.LABEL_DIR,
            label_suffixes=cls.LABEL_SUFFIXES,
            label_encoding=cls.LABEL_ENCODING,
        )

    def find_pairs(self) -> list[PairFiles]:
        """The pairs of the split, checked to be whole.

        Raises:
            DatasetNotFoundError: see the class.
            DatasetError: see the class.
        """
        if self.pairs is not None:
            return self._listed_pairs(self.pairs)
        names = read_list_file(self.list_file) if self.list_file else None
        return index_pairs(self.folders, names, self.describe_layout())

    def _listed_pairs(self, pairs: str) -> list[PairFiles]:
        """Those of a table or of patterns; patterns start from the folder of the split."""
        root = Path(self.data_root)
        is_table = pairs.lower().endswith('.csv')
        found = find_listed_pairs(pairs, root if is_table else root / self.split)
        drawn = [pair for pair in found if pair.label_after is not None]
        if drawn:
            raise DatasetError(
                f'The label of {drawn[0].name} is drawn from two files of polygons. Prepare the '
                'pairs first: tools/dataset_converters/prepare.py folder SRC DST --pairs ...'
            )
        if any(pair.split for pair in found):
            found = [pair for pair in found if pair.split == self.split]
            if not found:
                raise DatasetError(f'{pairs} puts no pair into the split {self.split!r}.')
        return found

    def area(self, pair: PairFiles) -> Window | None:
        """The part of a pair that belongs to the split; None: all of it."""
        return None

    def load_data_list(self) -> list[dict]:
        """One dict a pair or a window: name, paths, label encoding and image description."""
        return [
            dict(
                pair_name=self._part_name(pair, part),
                img_path=str(pair.before),  # the name that MMSegmentation's tools look for
                before_path=str(pair.before),
                after_path=str(pair.after),
                seg_map_path=str(pair.label),
                label_encoding=self.label_encoding,
                image_spec=self.image,
                pixel_cache=self.pixel_cache,
                seg_fields=[],
                **part,
            )
            for pair in self.find_pairs()
            for part in self._parts(pair)
        ]

    def get_data_info(self, idx: int) -> dict:
        """What :meth:`load_data_list` says of a sample; windows at random places are drawn here."""
        info = super().get_data_info(idx)
        if self.windows is not None and self.windows.random:
            info['window'] = self.windows.draw(info['area'])
        return info

    def _parts(self, pair: PairFiles) -> list[dict[str, Window]]:
        """What is read of a pair: all, an area of it, or windows."""
        area = self.area(pair)
        if self.windows is None:
            return [{} if area is None else dict(window=area)]
        if area is None:
            header = read_header(pair.before)
            area = Window(0, 0, header.height, header.width)
        return [dict(window=window, area=area) for window in self.windows.cut(area)]

    def _part_name(self, pair: PairFiles, part: Mapping[str, Window]) -> str:
        """The pair's name; of a window that stays where it is, with its first row and column."""
        if self.windows is None or self.windows.random:
            return pair.name
        return f'{pair.name}_{part["window"].top:04d}_{part["window"].left:04d}'

    def prepare_data(self, idx: int) -> Any:
        """A sample through the pipeline.

        Raises:
            MissingFileError: a file has gone since the data set was indexed.
        """
        try:
            return super().prepare_data(idx)
        except FileNotFoundError as error:
            if isinstance(error, MMCDError):
                raise
            raise MissingFileError(
                f'A file has gone since the data set was indexed: {error.filename or error}. Put '
                'it back; a training goes on with --resume.'
            ) from error

    def describe_layout(self) -> str:
        """The expected tree, and what to do where it differs."""
        root = Path(self.data_root)
        there = sorted(p.name for p in root.iterdir())[:12] if root.is_dir() else None
        lines = [f'{type(self).__name__} expects', f'  {root}/']
        for folder in self.folders:
            content = ' or '.join(f'*{suffix}' for suffix in folder.suffixes)
            values = f', values {self.label_encoding}' if folder.role == 'label' else ''
            name = os.path.relpath(folder.path, root)  # it may lie elsewhere
            lines.append(f'    {f"{name}/":<16} {content:<16} ({folder.role}{values})')
        if there is None:
            lines.append(f'but there is no folder {root} (from here: {Path.cwd()}).')
        else:
            lines.append(f'but {root} holds: {", ".join(there) or "nothing"}.')
        lines.append(
            'Set `data_root` in the config, or give --cfg-options data_root=FOLDER; '
            'data/README.md says where each data set comes from.'
        )
        return '\n'.join(lines)


def own_classes(published: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A data set's METAINFO with what a config states; other classes take no published palette."""
    given = given or {}
    return {**({} if 'classes' in given else published), **given}


def _as_suffixes(suffixes: str | Sequence[str]) -> tuple[str, ...]:
    """Endings in lower case with their dot.

    Raises:
        ConfigError: an ending without its dot.
    """
    suffixes = (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)
    if not all(suffix.startswith('.') for suffix in suffixes):
        raise ConfigError(f'File endings start with a dot, such as .png; got {suffixes}.')
    return tuple(suffix.lower() for suffix in suffixes)
