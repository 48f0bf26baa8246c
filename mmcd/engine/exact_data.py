"""Training data as a function of the seed and the place in the run.

What a run sees at an iteration, and how it is augmented, depends on neither the loading processes
nor on what was loaded before, so that a run that is resumed sees what it would have seen.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sized
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import BatchSampler, DataLoader, Sampler

from mmcd.engine.compact_batch import compact_collate

SAMPLES, STEPS = 0, 1  # keep the random streams of loading and of training apart


def seed_all(*place: int) -> None:
    """Seed Python, NumPy and PyTorch on the CPU for a place in a run.

    Args:
        place: the seed of the run and where in it, whole numbers from 0 on.
    """
    words = np.random.SeedSequence(place).generate_state(6)
    np.random.seed(words[:4])
    random.seed(words[4:].tobytes())
    torch.default_generator.manual_seed(int.from_bytes(words[4:].tobytes(), 'little') >> 1)


class SampleIndex(int):
    """The index of a sample that knows which draw of the run it is."""

    place: tuple[int, ...]

    def __new__(cls, index: int, place: tuple[int, ...] = ()) -> SampleIndex:
        self = super().__new__(cls, index)
        self.place = place
        return self

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.place)


class SeededSampler(Sampler):
    """A sampler's indices, each with the place of its draw, from any place on.

    Two processes with half a batch each draw what one process draws with the whole batch, in the
    same augmentation.

    Args:
        sampler: gives the same indices at each start, as MMEngine's do.
        seed: of the run.
    """

    def __init__(self, sampler: Sampler, *, seed: int) -> None:
        self.sampler = sampler
        self.seed = seed
        self.start = 0

    def reseed(self, seed: int) -> None:
        """Take another seed, for the order too unless the config states one for the sampler."""
        if getattr(self.sampler, 'seed', None) == self.seed:
            self.sampler.seed = seed  # type: ignore[attr-defined]
        self.seed = seed

    def __iter__(self) -> Iterator[SampleIndex]:
        rank, world_size = get_dist_info()
        epoch = getattr(self.sampler, 'epoch', 0)
        start, self.start = self.start, 0
        for position, index in enumerate(self._from_the_first()):
            if position >= start:
                draw = position * world_size + rank
                yield SampleIndex(index, (self.seed, SAMPLES, epoch, draw))

    def _from_the_first(self) -> Iterator[int]:
        sampler: Any = self.sampler
        if type(sampler) is InfiniteSampler:  # its iterator goes on where the last one ended
            sampler = InfiniteSampler(sampler.dataset, sampler.shuffle, sampler.seed)
        return iter(sampler)

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        if name == 'sampler':
            raise AttributeError(name)
        return getattr(self.sampler, name)


class SeededDataset:
    """A data set whose samples are drawn at random by the place of their draw alone.

    Args:
        dataset: any data set of MMEngine's kind; everything else is asked of it.
        read: reads a sample; by default ``dataset[index]``.
    """

    def __init__(self, dataset: Any, *, read: Callable[[Any, int], Any] | None = None) -> None:
        self.dataset = dataset
        self.read = read

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, SampleIndex):
            seed_all(*index.place)
        if self.read is not None:
            return self.read(self.dataset, index)
        return self.dataset[int(index)]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name in ('dataset', 'read'):  # while it is being unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __deepcopy__(self, memo: dict) -> SeededDataset:
        return self  # MMEngine copies a loader's settings; the index in them need not be


def build_exact_loader(
    settings: Mapping[str, Any],
    *,
    seed: int,
    read: Callable[[Any, int], Any] | None = None,
) -> DataLoader:
    """A training data loader as MMEngine builds it, with draws that the place in the run decides.

    Args:
        settings: ``train_dataloader`` of a config.
        seed: of the run, the same in all processes.
        read: see :class:`SeededDataset`.
    """
    dataset = settings['dataset']
    if isinstance(dataset, dict):
        dataset = DATASETS.build(dataset)
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
    loader = Runner.build_dataloader(
        {
            'collate_fn': dict(type=compact_collate),
            **settings,
            'dataset': SeededDataset(dataset, read=read),
        },
        seed=seed,
    )
    batches = loader.batch_sampler
    if hasattr(batches, 'sampler'):
        batches.sampler = SeededSampler(batches.sampler, seed=seed)
    else:
        print_log(
            f'A {type(batches).__name__} does not expose its sampler: a resumed run sees '
            'other data than a run that was never stopped.',
            logger='current',
        )
    shield_workers(loader)
    return loader


def shield_workers(loader: DataLoader) -> None:
    """Keep a signal to a whole process group, as Ctrl-C or SIGTERM, from the loading processes.

    The main process gets it too, and ends them once it has written its checkpoint.
    """
    loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)


def _start_worker(start: Callable[[int], None] | None, number: int) -> None:
    if hasattr(os, 'setpgrp'):
        os.setpgrp()
    if start is not None:
        start(number)


class ResumableBatches:
    """The batches of a loader without end, from any iteration on, for an iteration-based loop.

    It stands in the place of MMEngine's iterator, which loads and discards what was trained on, or
    starts the workers' random streams anew, as its version is.

    Args:
        loader: from :func:`build_exact_loader`.
        discards: the loop asks for each batch that was trained on; they are not loaded.
    """

    def __init__(self, loader: DataLoader, *, discards: bool) -> None:
        self._loader = loader
        self._discards = discards
        self._to_discard = 0
        self._epoch = 0
        self._iterator: Iterator[Any] | None = None

    def start_at(self, iteration: int) -> None:
        """Make the next batch that of an iteration, counted from 0."""
        sampler = getattr(self._loader.batch_sampler, 'sampler', None)
        if not isinstance(sampler, SeededSampler):
            return
        self._to_discard = iteration if self._discards else 0
        batch_size = getattr(self._loader.batch_sampler, 'batch_size', 1)
        if not isinstance(sampler.sampler, InfiniteSampler) and _is_finite(self._loader):
            self._epoch, iteration = divmod(iteration, len(self._loader))
            self._set_epoch()
        sampler.start = iteration * batch_size
        self._iterator = None

    def skip_iter(self, num_iters: int) -> None:
        """MMEngine's loop says that it resumes; ``start_at`` has done what is needed."""

    def __iter__(self) -> ResumableBatches:
        return self

    def __next__(self) -> Any:
        if self._to_discard:
            self._to_discard -= 1
            return None
        if self._iterator is None:
            self._iterator = iter(self._loader)
        try:
            return next(self._iterator)
        except StopIteration:
            self._epoch += 1
            self._set_epoch()
            self._iterator = iter(self._loader)
            return next(self._iterator)

    def _set_epoch(self) -> None:
        for holder in (self._loader, self._loader.batch_sampler):
            sampler: Any = getattr(holder, 'sampler', None)
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(self._epoch)


def _is_finite(loader: DataLoader) -> bool:
    return isinstance(loader.batch_sampler, BatchSampler) and isinstance(loader.sampler, Sized)
