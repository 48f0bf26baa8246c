"""Report of results of ``mmcd test`` and ``evaluate``: intervals, differences, a web page.

    mmcd report result.json --html page
    mmcd report A.json B.json
    mmcd report a1.json,a2.json,a3.json b1.json,b2.json,b3.json

Files joined by commas are seeds of one method: their mean and standard deviation are shown.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcd.errors import ConfigError, ResultError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmcd.evaluation.comparison import Difference, Method


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description='Show the figures of a result of mmcd test or evaluate, or compare several, '
        'with intervals and a test of the difference.',
    )
    parser.add_argument(
        'results',
        nargs='+',
        metavar='FILE.json[,FILE.json...]',
        help='results; several seeds of one method joined by commas',
    )
    parser.add_argument('--names', nargs='+', help="the methods' names (default: their files')")
    parser.add_argument(
        '--metric',
        default='f1',
        choices=['f1', 'iou', 'precision', 'recall', 'oa', 'kappa'],
        help='the figure whose difference is tested (default: %(default)s)',
    )
    parser.add_argument(
        '--html',
        '--report',
        dest='html',
        type=Path,
        metavar='DIR',
        help='write a web page about the result, or one that compares the first two image by '
        'image; with pictures where the results are those of reports, DIR/result.json',
    )
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the comparison too')
    return parser.parse_args(argv)


def result_files(args: argparse.Namespace) -> list[list[Path]]:
    """The files of each method, one a seed.

    Raises:
        ConfigError: a word names no file: it is made of commas alone.
    """
    files = [[Path(file) for file in word.split(',') if file] for word in args.results]
    for word, each in zip(args.results, files, strict=True):
        if not each:
            raise ConfigError(
                f'{word!r} names no result. Give the files of mmcd test or evaluate; several seeds '
                'of one method are joined by commas: a1.json,a2.json.'
            )
    return files


def read_methods(args: argparse.Namespace) -> list[Method]:
    """The results by method.

    Raises:
        ConfigError: there are more or fewer names than methods, or one has no file.
        ResultError: a file is no result.
    """
    from mmcd.evaluation.comparison import Method
    from mmcd.evaluation.record import read_record

    files = result_files(args)
    names = args.names or unique_names(files)
    if len(names) != len(files) or len(set(names)) != len(names):
        raise ConfigError(f'--names needs {len(files)} different names; got {" ".join(names)}.')
    return [
        Method(name, tuple(read_record(file) for file in each))
        for name, each in zip(names, files, strict=True)
    ]


def unique_names(files: list[list[Path]]) -> list[str]:
    """The first file's name of each, or its path where names would be the same.

    A report's result.json has its folder's name.
    """
    names = [
        each[0].resolve().parent.name if each[0].name == 'result.json' else each[0].stem
        for each in files
    ]
    return names if len(set(names)) == len(names) else [str(each[0]) for each in files]


def write_one(folder: Path, record: Mapping[str, Any], source: Path) -> Path:
    """Write the page about one result.

    Args:
        folder: of the page.
        record: the result.
        source: the folder that it was read from, whose pictures are taken over where it is that of
            a report.
    """
    from mmcd.evaluation.record import write_record
    from mmcd.html_report.result_page import RESULT, take_pictures, write_result_page
    from mmcd.structures import ChangeClasses

    if folder.resolve() != source.resolve():
        take_pictures(folder, record['images'], source)
        write_record(folder / RESULT, record)
    classes = ChangeClasses.from_meta(record['protocol'])
    return write_result_page(folder, record, classes=classes)


def check_place(folder: Path, results: Sequence[Sequence[Path]]) -> None:
    """Check that a page of several results does not replace that of one of them.

    Raises:
        ConfigError: it would.
    """
    from mmcd.html_report.result_page import RESULT

    reports = [file for files in results for file in files if file.name == RESULT]
    if folder.resolve() in [file.resolve().parent for file in reports]:
        raise ConfigError(
            f'--html {folder} is the folder of one of the results, whose own page and pictures '
            'would be overwritten. Name another one.'
        )


def format_figures(methods: list[Method]) -> str:
    """A row a figure that all have, a column a method."""
    from mmcd.evaluation.comparison import figure_rows
    from mmcd.evaluation.table import align

    header = ['in percent', *(method.name for method in methods)]
    return align([header, *figure_rows(methods, ' [{:.2f}, {:.2f}]')])


def format_difference(first: Method, second: Method, key: str, found: Difference) -> str:
    """Who is ahead by how much, and whether that may be chance."""
    return (
        f'{second.name} - {first.name}: {key} {found.value:+.2f} '
        f'[{found.low:+.2f}, {found.high:+.2f}], {found.verdict} '
        f'({found.images} images, {found.units} of them independent)'
    )


def compare_with_first(
    methods: Sequence[Method], key: str
) -> tuple[dict[str, Difference], dict[str, str]]:
    """Print how each further method differs from the first.

    Returns:
        The differences by the method's name, and why others could not be tested.
    """
    from mmcd.evaluation.comparison import paired_difference

    differences: dict[str, Difference] = {}
    untested: dict[str, str] = {}
    for method in methods[1:]:
        try:
            found = paired_difference(methods[0], method, key)
        except ResultError as error:
            untested[method.name] = str(error)
            print(f'Not tested: {error}')
            continue
        differences[method.name] = found
        print(format_difference(methods[0], method, key, found))
    return differences, untested


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from dataclasses import asdict

        from mmcd.evaluation.comparison import protocol_differences
        from mmcd.html_report.comparison_page import Compared, write_comparison_page
        from mmcd.io.atomic import make_folder, write_whole

    methods = read_methods(args)
    is_one = len(methods) == 1
    files = result_files(args)
    folders = [each[0].parent for each in files]
    if args.html:
        if is_one and len(methods[0].records) > 1:
            raise ConfigError(
                '--html makes a page about one result, or one that compares methods; got '
                f'{len(methods[0].records)} seeds of one method. Name one of their files.'
            )
        if not is_one:
            check_place(args.html, files)
        make_folder(args.html)
    unfair, noted = protocol_differences(methods)
    print(format_figures(methods))
    for line in unfair:
        print(f'WARNING: not the same protocol: {line}')
    for line in noted:
        print(f'Note: {line}')
    differences, untested = compare_with_first(methods, args.metric)
    if differences and min(len(method.records) for method in methods) < 2:
        print(
            'Of one training each, this says nothing about other seeds, which move F1 by 0.4 to 12 '
            '(docs/results.md): give several, joined by commas.'
        )
    if args.html and is_one:
        print(f'Report: {write_one(args.html, methods[0].records[0], folders[0])}')
    elif args.html:
        compared = Compared(methods, folders, differences, args.metric, unfair, noted, untested)
        print(f'Report: {write_comparison_page(args.html, compared)}')
    if args.out:
        content = dict(
            metric=args.metric,
            methods={method.name: method.all_figures() for method in methods},
            intervals={each.name: [r['intervals'] for r in each.records] for each in methods},
            differences={name: asdict(found) for name, found in differences.items()},
            not_tested=untested,
            protocol_differences=unfair,
            notes=noted,
        )
        write_whole(args.out, json.dumps(content, indent=1) + '\n')
