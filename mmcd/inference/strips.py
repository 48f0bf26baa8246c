"""Working through a map in strips that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

# What one step of a chain of operations should write at the most. On a CPU the result is then read
# again from its cache, and the allocator takes it from what it has just got back; on a GPU few
# large steps are faster, and strips only bound the memory.
CPU_BYTES = 4 * 2**20
GPU_BYTES = 512 * 2**20


def strips(total: int, bytes_each: int, like: Tensor) -> Iterator[tuple[int, int]]:
    """Cut ``total`` rows into runs (start, stop) of about equal length.

    Args:
        total: number of rows.
        bytes_each: what a step writes for each row.
        like: a tensor on the device that does the work.
    """
    most = max((CPU_BYTES if like.device.type == 'cpu' else GPU_BYTES) // max(bytes_each, 1), 1)
    number = -(-total // most)
    length = -(-total // number)
    for start in range(0, total, length):
        yield start, min(start + length, total)
