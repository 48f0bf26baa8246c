"""What a training does about files that vanish or break while it runs."""

from __future__ import annotations

import logging
import re
from itertools import chain
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcd.engine.agreement import largest_of_all
from mmcd.errors import DatasetError, ImagePairError, LabelError, UnreadableFilesError
from mmcd.registry import HOOKS

KEY = 'unreadable'
UNREADABLE = (DatasetError, ImagePairError, LabelError)
MOST_DRAWS = 100
ADDRESS = re.compile(' at 0x[0-9a-f]+')  # of an object, which makes one fault look like two


@HOOKS.register_module()
class UnreadableFilesHook(Hook):
    """Train on where a pair can't be read, with another pair in its place, up to a number of them.

    Without this hook, the first such pair stops the run and is named. With it, the pair that takes
    the place depends on the seed and the iteration alone; all processes stop together when there
    are too many; the list is logged at the end.

    Args:
        budget: how many different pairs may be unreadable, over all processes.

    Raises:
        UnreadableFilesError: there are more; all are named.
    """

    def __init__(self, *, budget: int = 10) -> None:
        self.budget = budget
        self._seen: list[str] = []

    @staticmethod
    def read(dataset: Any, index: int) -> Any:
        """A sample of a data set, or that of another index where it can't be read."""
        faults: list[str] = []
        number = int(index)
        for _ in range(MOST_DRAWS):
            try:
                sample = dataset[number]
            except UNREADABLE as error:
                faults.append(ADDRESS.sub('', str(error)))
                number = int(np.random.randint(len(dataset)))
                continue
            if faults:
                sample['data_samples'].set_metainfo({KEY: faults})
            return sample
        raise UnreadableFilesError(
            f'{MOST_DRAWS} pairs in a row could not be read. The last: {faults[-1]}'
        )

    def before_train(self, runner: Runner) -> None:
        self._seen = list(runner.message_hub.runtime_info.get(KEY, ()))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        samples = (data_batch or {}).get('data_samples', ())
        faults = [fault for sample in samples for fault in sample.get(KEY, ())]
        new = [fault for fault in dict.fromkeys(faults) if fault not in self._seen]
        # All have to take part where one has something to say.
        if largest_of_all(len(new)):
            told = all_gather_object(new)
            new = [f for f in dict.fromkeys(chain(*told)) if f not in self._seen]
        for fault in new:
            print_log(f'Passed over: {fault}', logger='current', level=logging.WARNING)
        self._seen += new
        if new:
            runner.message_hub.update_info(KEY, self._seen)
        if len(self._seen) > self.budget:
            raise UnreadableFilesError(
                f'{len(self._seen)} pairs could not be read, and the budget of '
                f'UnreadableFilesHook is {self.budget}:\n{_listed(self._seen)}'
            )

    def after_train(self, runner: Runner) -> None:
        if self._seen:
            print_log(
                f'{len(self._seen)} pairs could not be read and were passed over:\n'
                + _listed(self._seen),
                logger='current',
                level=logging.WARNING,
            )


def _listed(faults: list[str]) -> str:
    return '\n'.join('  ' + fault.split('\n')[0] for fault in faults)
