"""Keeping freed memory in the process, where the C library would give it back."""

from __future__ import annotations

import ctypes
import sys

# glibc's names and numbers, from malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for the next allocation, for the rest of the process.

    glibc gives each large tensor back to the system when it is freed, and the next one is given
    out anew page by page, which costs up to half of a network's time on a CPU. Kept memory is
    missing elsewhere: the process stays as large as it once was. For command-line tools to offer;
    a library must not change its host's memory.

    Returns:
        Whether it could be done: it needs Linux with glibc.
    """
    if not sys.platform.startswith('linux'):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:  # another C library, such as musl
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))
