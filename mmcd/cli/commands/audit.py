"""Find what is wrong with a data set before it costs a training run.

    mmcd audit configs/darnet_levir.py
    mmcd audit data/mine --before A --after B --label label

Reads every file once. Exit code: 0 without errors, 1 with errors, 2 where it can't be run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.cli.arguments import (
    add_layout_arguments,
    add_workers_argument,
    layout_options,
    parse_cfg_options,
)
from mmcd.errors import DatasetNotFoundError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmcd.data_tools.audit.splits import AuditSplit

EXIT_FOUND = 1


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(prog=prog, description='Audit a change-detection data set.')
    parser.add_argument('target', type=Path, metavar='CONFIG|FOLDER', help='what to audit')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write all findings here')
    add_workers_argument(parser)
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='settings of the config'
    )
    group = parser.add_argument_group('folders without a config (default: as detected)')
    add_layout_arguments(group)
    return parser.parse_args(argv)


def chosen_splits(args: argparse.Namespace) -> list[AuditSplit]:
    """The splits that the arguments name."""
    from mmcd.config import load_config
    from mmcd.data_tools.audit.splits import splits_of_config, splits_of_folder

    options = layout_options(args)
    if not args.target.is_dir():
        if options:
            raise DatasetNotFoundError(
                f'There is no folder {args.target} (from {Path.cwd()}), whose layout the options '
                'state.'
            )
        return splits_of_config(load_config(args.target, parse_cfg_options(args.cfg_options)))
    return splits_of_folder(args.target, options)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmcd.cli.progress import track
        from mmcd.data_tools.audit import run_audit
        from mmcd.data_tools.audit.findings import ERROR
        from mmcd.io.atomic import check_writable, write_whole

    if args.json:
        check_writable(args.json)

    report = run_audit(
        chosen_splits(args),
        args.workers,
        lambda records, total: track(records, total, 'reading pairs'),
    )
    print(report.as_text())
    if args.json:
        write_whole(args.json, (json.dumps(report.as_dict(), indent=2) + '\n').encode())
    return EXIT_FOUND if report.count(ERROR) else 0
