"""Imports of the stack without the messages that its packages print, which help nobody."""

from __future__ import annotations

import builtins
import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

# Printed by the onedl packages, once per package, whenever an optional one of theirs is missing.
STACK_CHATTER = 'Could not import OneDL'
# Given by an mmcv without compiled operations, of which mmcd uses none.
STACK_WARNING = 'Fail to import ``MultiScaleDeformableAttention``'


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress the known chatter of the stack while its packages are imported.

    Everything else that is printed or warned of passes through.

    Example:
        >>> with quiet_imports():
        ...     from mmengine.runner import Runner
    """
    # Not undone at the end: warnings.catch_warnings would also undo the filters that the imported
    # packages set for themselves.
    warnings.filterwarnings('ignore', message=STACK_WARNING, category=UserWarning)
    original = builtins.print

    def print_unless_chatter(*values: Any, **options: Any) -> None:
        if values != (STACK_CHATTER,):
            original(*values, **options)

    # Not contextlib.redirect_stdout: a log handler that an import makes would keep the stream.
    builtins.print = print_unless_chatter
    try:
        yield
    finally:
        builtins.print = original
