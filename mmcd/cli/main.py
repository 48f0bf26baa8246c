"""The console script ``mmcd``: one program with the tools as sub-commands.

Nothing heavy is imported for ``mmcd --help`` or a misspelt command.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError
from mmcd.version import __version__

# Each is a module of mmcd.cli.commands, which is imported when it is called.
COMMANDS = {
    'map': 'map what changed between two images of one place',
    'train': 'train a model',
    'test': 'test a model on the test split of its data set',
    'tune': "find a model's best threshold on the validation split",
    'evaluate': 'score masks on disk, of any method, as test scores a model',
    'report': 'show a result of test or evaluate, or compare several; a web page of them',
    'audit': 'find what is wrong with a data set before it costs a training run',
    'prepare': 'turn a data set as downloaded, or pairs of your own, into pairs to train on',
    'export': 'export a model to an ONNX file',
    'benchmark': 'train and test the runs of a suite and make the tables of their results',
}


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the sub-command that the arguments name.

    Raises:
        ConfigError: there is no such command; the nearest one is offered.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ('-h', '--help', '--version'):
        _parser().parse_args(words or ['--help'])
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f'Did you mean mmcd {near[0]}?' if near else 'mmcd --help describes each.'
        raise ConfigError(
            f'mmcd has no command {name}; its commands are {", ".join(COMMANDS)}. {hint}'
        )
    command = importlib.import_module(f'mmcd.cli.commands.{name}')
    return command.main(rest, prog=f'mmcd {name}')


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    commands = '\n'.join(f'  {name:<{width}}{what}' for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog='mmcd',
        usage='mmcd COMMAND ...',
        description='Change detection in pairs of remote-sensing images.',
        epilog=f'commands:\n{commands}\n\nmmcd COMMAND --help describes one of them.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'mmcd {__version__}')
    return parser


def run() -> None:
    """Entry point of the console script."""
    run_tool(main)
