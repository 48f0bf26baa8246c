"""What the command-line tools share: how they end, and imports without the stack's chatter.

Imports of this module are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import builtins
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from mmcd.errors import MMCDError

# Printed by the onedl packages, once per package, whenever an optional one of theirs is missing.
STACK_CHATTER = 'Could not import OneDL'
# Given by an mmcv without compiled operations, of which mmcd uses none.
STACK_WARNING = 'Fail to import ``MultiScaleDeformableAttention``'

EXIT_ERROR = 2  # as argparse
EXIT_INTERRUPTED = 130  # as a shell reports a program stopped by Ctrl-C


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool and exit with its status.

    An error that the user can mend ends as one message on stderr; any other is a fault of mmcd and
    keeps its stack trace.

    Args:
        main: The tool. It parses its arguments, then calls ``require_stack``, then imports.
    """
    try:
        status = main()
    except MMCDError as error:
        print(f'error: {error}', file=sys.stderr)
        status = EXIT_ERROR
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = EXIT_INTERRUPTED
    sys.exit(status)


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
