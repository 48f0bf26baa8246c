"""What the command-line tools share: how they end, and imports without the stack's chatter.

Imports of this module are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from mmcd.errors import MMCDError

# Printed by the onedl packages, once per package, whenever an optional one of theirs is missing.
STACK_CHATTER = frozenset({'Could not import OneDL'})
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
    """Keep the known chatter of the stack out while its packages are imported.

    Everything else that is printed or warned of passes through.

    Example:
        >>> with quiet_imports():
        ...     from mmengine.runner import Runner
    """
    # Not undone at the end: warnings.catch_warnings would also undo the filters that the imported
    # packages set for themselves.
    warnings.filterwarnings('ignore', message=STACK_WARNING, category=UserWarning)
    stdout = _WithoutLines(sys.stdout, STACK_CHATTER)
    try:
        with contextlib.redirect_stdout(stdout):
            yield
    finally:
        # A log handler made by an import may hold on to the stream, which then hides nothing more.
        stdout.stop()


class _WithoutLines:
    """A text stream without certain lines; after ``stop``, with all of them."""

    def __init__(self, stream: TextIO, unwanted: frozenset[str]) -> None:
        self._stream = stream
        self._unwanted = unwanted
        self._held = ''

    def write(self, text: str) -> int:
        *lines, rest = (self._held + text).split('\n')
        self._held = ''
        for line in lines:
            if line not in self._unwanted:
                self._stream.write(line + '\n')
        # Only what may become an unwanted line waits, so that a progress bar shows at once.
        if any(line.startswith(rest) for line in self._unwanted):
            self._held = rest
        else:
            self._stream.write(rest)
        return len(text)

    def stop(self) -> None:
        self._unwanted = frozenset()
        self._stream.write(self._held)
        self._held = ''

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
