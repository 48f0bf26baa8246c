from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from mmcd.inference import allocator

GLIBC = sys.platform.startswith('linux') and hasattr(ctypes.CDLL(None), 'gnu_get_libc_version')
# Page faults of the second of two like rounds of large arrays.
SECOND_ROUND = """
import resource, sys
import numpy as np
from mmcd.inference.allocator import keep_freed_memory
if sys.argv[1] == 'kept':
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2**24) for _ in range(3)]
    del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(not GLIBC, reason='for Linux with glibc')
def test_memory_is_not_faulted_in_again() -> None:
    def second_round(how: str) -> int:
        command = [sys.executable, '-c', SECOND_ROUND, how]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert second_round('kept') < second_round('default') / 10


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.sys, 'platform', 'darwin')
    assert allocator.keep_freed_memory() is False
