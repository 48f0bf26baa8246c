"""What a run that breaks off tells of itself: the settings that it names are those that help."""

from __future__ import annotations

import pytest
import torch

from mmcd.engine.failures import MAPPING, TESTING, TRAINING, TUNING, Remedies, explained_failures
from mmcd.errors import RunMemoryError, WorkerLostError

KILLED = RuntimeError('DataLoader worker (pid 17) is killed by signal: Killed. ')


@pytest.mark.parametrize(
    ('remedies', 'said'),
    [
        (TRAINING, 'train_dataloader.batch_size=N'),
        (TESTING, 'test_dataloader.batch_size=1'),
        (TUNING, 'val_dataloader.batch_size=1'),
        (MAPPING, '--tile N'),
    ],
)
def test_a_gpu_without_memory(remedies: Remedies, said: str) -> None:
    with (
        pytest.raises(RunMemoryError, match=rf'no memory left \(CUDA out of memory\)\. .*{said}'),
        explained_failures(remedies=remedies),
    ):
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 MiB.')


@pytest.mark.parametrize(
    ('remedies', 'said'), [(TRAINING, 'train'), (TESTING, 'test'), (TUNING, 'val')]
)
def test_a_loading_process_without_memory(remedies: Remedies, said: str) -> None:
    with (
        pytest.raises(
            WorkerLostError, match=rf'process 17\) is .*: take .*{said}_dataloader\.num_'
        ),
        explained_failures(remedies=remedies),
    ):
        raise KILLED
