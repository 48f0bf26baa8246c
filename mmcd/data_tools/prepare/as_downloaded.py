"""Data sets that are read as they are downloaded: there is nothing to prepare, only to check."""

from __future__ import annotations

from pathlib import Path

from mmcd.config import load_config
from mmcd.errors import DatasetNotFoundError
from mmcd.registry import DATASETS

# The configs whose data they are; where one is not enough, of each part.
CONFIGS = {
    'oscd': ('fc_siam_diff_oscd',),
    'sztaki': ('fc_siam_diff_sztaki_szada', 'fc_siam_diff_sztaki_tiszadob'),
}


def check_download(name: str, folder: Path) -> str:
    """Check that all files of a data set are there.

    Args:
        name: of it, a key of :data:`CONFIGS`.
        folder: that holds it.

    Returns:
        How many pairs each split has, and how to go on, in lines for a user.

    Raises:
        DatasetNotFoundError: files are missing.
    """
    lines = [f'{folder} is read as it is; there is nothing to prepare.']
    for config in CONFIGS[name]:
        lines.append(f'{config}: {_count_pairs(config, folder)}')
        lines.append(f'  python tools/train.py {config} --cfg-options data_root={folder}')
    return '\n'.join(lines)


def _count_pairs(config: str, folder: Path) -> str:
    cfg = load_config(config, {'data_root': str(folder)})
    counts = []
    for split in ('train', 'val', 'test'):
        settings = dict(cfg[f'{split}_dataloader'].dataset, pipeline=[], cache=None, windows=None)
        try:
            dataset = DATASETS.build(settings)
        except DatasetNotFoundError as error:
            raise DatasetNotFoundError(f'{error}{_archives(folder)}') from error
        counts.append(f'{len(dataset)} {split}')
    return f'{", ".join(counts)} pairs'


def _archives(folder: Path) -> str:
    """A word on archives that were not unpacked."""
    found = sorted(path.name for path in folder.glob('*.zip'))
    return f'\nUnpack first: {", ".join(found)}.' if found else ''
