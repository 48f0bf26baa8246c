"""Sample pairs as files: a folder in LEVIR-CD's layout, made once and completed on demand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mmcd.errors import ConfigError, DatasetError
from mmcd.io.atomic import make_folder, write_whole
from mmcd.io.image_encoding import encode_image
from mmcd.parallel import run_jobs
from mmcd.synthetic.multispectral import find_sensor, sense
from mmcd.synthetic.scene_pair import check_size
from mmcd.synthetic.styles import find_style

GENERATOR_VERSION = 1  # goes up whenever the same seed makes other pixels
SPLITS = ('train', 'val', 'test')
KINDS = ('A', 'B', 'label')
MANIFEST = 'sample.json'


@dataclass(frozen=True)
class SampleSettings:
    """What a folder of sample pairs is made of.

    Args:
        counts: Pairs of each split.
        size: Height and width of an image in pixels.
        seed: Decides all scenes: each depends on it, its split and its number, not on the counts.
        sensor: What the scenes are seen with, one of `mmcd.synthetic.multispectral.SENSORS`.
        style: What the scenes are like, one of `mmcd.synthetic.styles.STYLES`.

    Raises:
        ConfigError: A count or the seed is negative, a split unknown or the size out of range.
    """

    counts: Mapping[str, int]
    size: int = 256
    seed: int = 0
    sensor: str = 'rgb'
    style: str = 'sample'

    def __post_init__(self) -> None:
        check_size(self.size)
        find_sensor(self.sensor)
        find_style(self.style)
        if self.seed < 0:
            raise ConfigError(f'expected a seed of 0 or more, but got {self.seed}')
        for split, count in self.counts.items():
            if split not in SPLITS:
                raise ConfigError(f'expected splits out of {SPLITS}, but got {split!r}')
            if count < 0:
                raise ConfigError(f'expected 0 or more pairs for {split}, but got {count}')

    def manifest(self) -> dict[str, object]:
        """What `sample.json` holds."""
        version = {'generator': GENERATOR_VERSION, 'seed': self.seed, 'size': self.size}
        # Folders of before there were sensors and styles do not name one.
        sensor = {} if self.sensor == 'rgb' else {'sensor': self.sensor}
        style = {} if self.style == 'sample' else {'style': self.style}
        return {**version, **sensor, **style, 'counts': dict(self.counts)}

    def suffix(self, kind: str) -> str:
        """Ending of the files of A, B or label."""
        return '.png' if self.sensor == 'rgb' or kind == 'label' else '.tif'

    def names(self) -> Iterator[tuple[str, int]]:
        """All pairs as split and number."""
        for split, count in self.counts.items():
            yield from ((split, number) for number in range(count))


def pair_files(out: Path, settings: SampleSettings, split: str, number: int) -> dict[str, Path]:
    """A pair's files A, B and label, such as `train/A/train_0003.png`."""
    stem = f'{split}_{number:04d}'
    return {kind: out / split / kind / f'{stem}{settings.suffix(kind)}' for kind in KINDS}


def missing_files(out: Path, settings: SampleSettings, split: str, number: int) -> dict[str, Path]:
    """Those of a pair's files that are not there."""
    files = pair_files(out, settings, split, number)
    return {kind: path for kind, path in files.items() if not path.is_file()}


def prepare_folder(out: Path, settings: SampleSettings, overwrite: bool = False) -> None:
    """Make the folders and write the manifest, once it is clear that the folder suits the settings.

    Args:
        out: Folder of the data set.
        settings: What it is to hold.
        overwrite: Remove pairs that were made with other settings.

    Raises:
        DatasetError: The path is a file, or holds pairs of other settings or origin.
    """
    if os.path.exists(out) and not os.path.isdir(out):
        raise DatasetError(f'expected a folder for the pairs, but {out} is a file')
    make_folder(out)
    if overwrite:
        for image in _own_images(out):
            image.unlink()
    else:
        _check_manifest(out, settings)
    for split in settings.counts:
        for kind in KINDS:
            make_folder(out / split / kind)
    text = json.dumps(settings.manifest(), indent=2) + '\n'
    write_whole(out / MANIFEST, text.encode())


def _check_manifest(out: Path, settings: SampleSettings) -> None:
    advice = 'Choose another folder with --out, or pass --overwrite to replace its pairs'
    path = out / MANIFEST
    if not path.is_file():
        if next(_own_images(out), None) is not None:
            raise DatasetError(
                f'{out} holds pairs but no {MANIFEST} that says what made them. {advice}'
            )
        return
    try:
        found = json.loads(path.read_text())
        kept = {key: found[key] for key in ('generator', 'seed', 'size')}
        kept['sensor'] = found.get('sensor', 'rgb')
        kept['style'] = found.get('style', 'sample')
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f'{path} is not a manifest of sample pairs. {advice}') from error
    wanted = {'sensor': settings.sensor, 'style': settings.style, **settings.manifest()}
    differing = [key for key in kept if kept[key] != wanted[key]]
    if differing:
        came = ', '.join(f'{key} {kept[key]}' for key in differing)
        asked = ', '.join(f'{key} {wanted[key]}' for key in differing)
        raise DatasetError(f'{out} holds pairs with {came}, but {asked} was asked for. {advice}')


def _own_images(out: Path) -> Iterator[Path]:
    for split in SPLITS:
        for kind in KINDS:
            for suffix in ('.png', '.tif'):
                yield from (out / split / kind).glob(f'{split}_[0-9][0-9][0-9][0-9]*{suffix}')


def surplus(out: Path, settings: SampleSettings) -> int:
    """How many pairs the folder holds beyond the counts."""
    wanted = {f'{split}_{number:04d}' for split, number in settings.names()}
    return len({path.stem for path in _own_images(out)} - wanted)


def write_pairs(out: Path, settings: SampleSettings, workers: int) -> Iterator[tuple[int, int]]:
    """Make all missing files of a prepared folder in parallel.

    Args:
        out: Folder of the data set.
        settings: What it is to hold.
        workers: Processes to work in; the pairs do not depend on it.

    Yields:
        Pairs made so far and pairs to make, after each pair.

    Raises:
        WorkerLostError: one of the processes has been killed.
    """
    jobs = [job for job in settings.names() if missing_files(out, settings, *job)]
    made = run_jobs(partial(write_pair, out, settings), jobs, min(workers, len(jobs)))
    for done, _ in enumerate(made, start=1):
        yield done, len(jobs)


def pair_seed(seed: int, split: str, number: int) -> np.random.SeedSequence:
    """What a pair is drawn from: the folder's seed, its split and its number."""
    return np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), number))


def write_pair(out: Path, settings: SampleSettings, job: tuple[str, int]) -> None:
    """Make one pair, of a split and a number, and write those of its files that are missing."""
    split, number = job
    seed = pair_seed(settings.seed, split, number)
    pair = find_style(settings.style)(seed, settings.size)
    sensor = find_sensor(settings.sensor)
    dates = {'A': pair.before, 'B': pair.after}
    for kind, path in missing_files(out, settings, split, number).items():
        image = pair.label[..., None]
        if kind in dates:
            # Apart from the seeds that the pair itself is drawn with.
            key = (*seed.spawn_key, len(KINDS) + KINDS.index(kind))
            noise = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=key))
            image = sense(dates[kind], sensor, noise)
        # Synced: what is there is taken for whole. It costs little beside the drawing.
        write_whole(path, encode_image(image, path.suffix, bands=sensor.bands))
