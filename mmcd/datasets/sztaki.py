"""SZTAKI AirChange: 13 aerial pairs in three series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcd.datasets.bitemporal import BitemporalDataset
from mmcd.datasets.pair_index import PairFiles
from mmcd.errors import ConfigError, DatasetNotFoundError, listed
from mmcd.io.images import Window
from mmcd.registry import DATASETS

# The pair of each series that is tested on, and the part of it; the rest of this pair is unused.
TEST_PAIRS = {'Szada': '1', 'Tiszadob': '3'}
TEST_AREA = Window(0, 0, 448, 784)
SERIES = ('Szada', 'Tiszadob', 'Archieve')  # the authors' spelling
FILES = ('im1', 'im2', 'gt')
SUFFIXES = ('.bmp', '.png')


@DATASETS.register_module()
class SZTAKIDataset(BitemporalDataset):
    """SZTAKI AirChange: new built-up regions, buildings, trees, fresh plough-land, groundwork.

    * Source: aerial images of Hungary, years apart; 1.5 metres per pixel.
    * Pairs: 13 of 640x952 pixels (height, width): 7 of Szada, 5 of Tiszadob, 1 of the archive.
    * Layout: ``{Szada,Tiszadob,Archieve}/<number>/{im1,im2,gt}.bmp`` (or ``.png``).
    * Labels: 0 unchanged, 255 changed, with a few stray grey values in Szada/6 and Tiszadob/4;
      changed where greater than 127.
    * Splits, as in the literature since Zhan et al. 2017: a network for each series; the test is on
      rows 0 to 448 and columns 0 to 784 of Szada/1 (5.8 % changed) and of Tiszadob/3 (17.1 %),
      training on the other pairs of the series. The rest of the test pair is unused. There is no
      validation split: ``val_pairs`` takes pairs out of training.
    * Licence: free for scientific use with citation.

    Args:
        data_root: the folder of the series.
        split: 'train', 'val' or 'test'.
        series: 'Szada', 'Tiszadob' or 'Archieve' (which is all training).
        val_pairs: numbers of the pairs of the series that 'val' has and 'train' has not.
        **kwargs: ``windows``, ``pipeline`` ...: see :class:`BitemporalDataset`.

    Raises:
        ConfigError: there is no such split or series, or a pair of ``val_pairs`` is no pair of it
            or the test pair.
        DatasetNotFoundError: files are missing.

    Reference:
        Benedek and Sziranyi, "Change Detection in Optical Aerial Images by a Multilayer Conditional
        Mixed Markov Model", TGRS 47(10), 2009.
    """

    LABEL_ENCODING = dict(threshold=127)

    def __init__(
        self,
        *,
        data_root: str,
        split: str,
        series: str,
        val_pairs: Sequence[int | str] = (),
        **kwargs: Any,
    ) -> None:
        if series not in SERIES or split not in ('train', 'val', 'test'):
            raise ConfigError(
                f"SZTAKIDataset: `series` is one of {', '.join(SERIES)}, and `split` 'train', "
                f"'val' or 'test'; got series={series!r}, split={split!r}."
            )
        self.series = series
        self.val_pairs = tuple(map(str, val_pairs))
        super().__init__(data_root=data_root, split=split, **kwargs)

    def find_pairs(self) -> list[PairFiles]:
        """See :class:`BitemporalDataset`; named as 'Szada_1'."""
        folder = Path(self.data_root) / self.series
        numbers = (
            sorted(p.name for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
        )
        if not numbers:
            raise DatasetNotFoundError(
                f'No pairs in {folder}: expected the folders 1, 2 ....\n{self.describe_layout()}'
            )
        return [self._pair(folder, number) for number in self._numbers(numbers)]

    def area(self, pair: PairFiles) -> Window | None:
        """The official part of the test pair; all of the others."""
        return TEST_AREA if self.split == 'test' else None

    def describe_layout(self) -> str:
        """The expected tree."""
        return (
            f'SZTAKIDataset expects\n  {self.data_root}/\n'
            f'    {self.series}/<number>/im1.bmp, im2.bmp, gt.bmp (or .png)\n'
            'Set `data_root` in the config, or give --cfg-options data_root=FOLDER; '
            'data/README.md says where the data set comes from.'
        )

    def _numbers(self, there: Sequence[str]) -> list[str]:
        """Those of the split."""
        test = TEST_PAIRS.get(self.series)
        train = [number for number in there if number != test]
        unknown = sorted(set(self.val_pairs) - set(train))
        if unknown:
            raise ConfigError(
                f'SZTAKIDataset: val_pairs={list(self.val_pairs)} must be training pairs of '
                f'{self.series}, which are {", ".join(train)}; {test} is the test pair.'
            )
        numbers: list[str] = {
            'train': [number for number in train if number not in self.val_pairs],
            'val': list(self.val_pairs),
            'test': [number for number in there if number == test],
        }[self.split]
        if not numbers:
            raise ConfigError(
                f'SZTAKIDataset: the series {self.series} has no pair for the split '
                f"'{self.split}'. "
                '`val_pairs` names those of val; Archieve has no test pair.'
            )
        return numbers

    def _pair(self, folder: Path, number: str) -> PairFiles:
        found = [
            next(
                (p for suffix in SUFFIXES if (p := folder / number / f'{name}{suffix}').is_file()),
                None,
            )
            for name in FILES
        ]
        missing = [
            f'{folder / number / name}.bmp'
            for name, path in zip(FILES, found, strict=True)
            if path is None
        ]
        if missing:
            raise DatasetNotFoundError(
                f'{len(missing)} file(s) are missing:\n{listed(missing)}\n{self.describe_layout()}'
            )
        before, after, label = (path for path in found if path is not None)
        return PairFiles(f'{self.series}_{number}', before, after, label)
