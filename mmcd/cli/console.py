"""What the command-line tools share: how they end, and imports without the stack's chatter.

Imports of this module are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from mmcd import errors
from mmcd.errors import MMCDError

DEBUG = '--debug'

EXIT_RUN = 1  # the data, or something in the course of the run
EXIT_USAGE = 2  # the command line, the config, a file that it names; as argparse
EXIT_INTERRUPTED = 130  # as a shell reports a program stopped by Ctrl-C
SIGPIPE = 13  # which Windows does not have
EXIT_SIGNAL = 128  # and the signal's number: 143 for SIGTERM

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
RUN_ERRORS = (
    errors.CheckpointWriteError,
    errors.ExportMemoryError,
    errors.FirstStepError,
    errors.ImagePairError,
    errors.InUseError,
    errors.LabelError,
    errors.MissingFileError,
    errors.NonFiniteLossError,
    errors.PeerLostError,
    errors.PredictionError,
    errors.RunMemoryError,
    errors.SceneStoppedError,
    errors.UnreadableFilesError,
    errors.WorkerLostError,
)


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool and exit with its status.

    An error that the user can mend ends as one message on stderr; any other is a fault of mmcd and
    keeps its stack trace. ``--debug`` among the arguments of any tool keeps it for all.

    Exit status: 0; 1 where the data or the run fail; 2 where the command line or the config are
    wrong; 130 after Ctrl-C; 143 after SIGTERM, 128 and the number after other signals.

    Args:
        main: The tool. It parses its arguments, then calls ``require_stack``, then imports.
    """
    _wait_briefly()
    debug = DEBUG in sys.argv
    sys.argv = [word for word in sys.argv if word != DEBUG]
    try:
        status = main()
    except MMCDError as error:
        if debug:
            traceback.print_exc()
        print(f'error: {own_message(error)}', file=sys.stderr)
        status = exit_status(error)
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        status = EXIT_SIGNAL + SIGPIPE
    except OSError as error:
        if debug or error.errno != errno.ENAMETOOLONG:
            raise
        # Of any path among the arguments or settings, where it is looked for.
        print(f'error: {error.strerror}: {error.filename}. Use a shorter name.', file=sys.stderr)
        status = EXIT_USAGE
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = EXIT_INTERRUPTED
    sys.exit(status)


def _wait_briefly() -> None:
    """Let threads that wait spin for some microseconds, then sleep; before PyTorch is imported.

    Those that spin for long take the processors from each other where the machine is shared. Those
    that sleep at once must be woken for each of a small network's many operations.
    """
    if 'OMP_WAIT_POLICY' in os.environ:
        return
    os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'
    # GNU's OpenMP, that of PyTorch's packages for Linux. Measured: docs/training.md.
    os.environ.setdefault('GOMP_SPINCOUNT', '3000')


def _nobody_reads() -> bool:
    """Whether what read our output, such as ``head``, has seen enough; it is then dropped."""
    try:
        print(flush=True)
    except BrokenPipeError:
        # Else Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def exit_status(error: MMCDError) -> int:
    """The status that a tool ends with."""
    if isinstance(error, errors.StoppedBySignalError):
        return EXIT_SIGNAL + error.signal
    # A disk fills in the course of a run; a place that can't be written is a wrong name.
    if isinstance(error, errors.FileWriteError) and error.errno in DISK_ERRORS:
        return EXIT_RUN
    return EXIT_RUN if isinstance(error, RUN_ERRORS) else EXIT_USAGE


def own_message(error: MMCDError) -> str:
    """An error's text, without the stack trace that PyTorch wraps that of a loading process in."""
    kind = type(error)
    text = str(error)
    if not text.startswith(f'Caught {kind.__name__} in '):
        return text
    return text.rpartition(f'\n{kind.__module__}.{kind.__qualname__}: ')[2].rstrip()
