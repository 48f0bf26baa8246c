"""Run a suite of trainings and tests: ``mmcd benchmark SUITE [--only NAME] [--seeds N] ...``."""

from __future__ import annotations

import argparse
import queue
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.errors import ConfigError, MMCDError, StoppedBySignalError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmcd.suites.execution import Place
    from mmcd.suites.suite import SuiteRun

EXIT_FAILED = 1
DOCUMENTS = (Path('README.md'), Path('docs/results.md'))


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description='Train and test the runs of a suite, one result file each, and make the tables '
        'of all results. The same command goes on after a stop; what is finished is left out.',
    )
    parser.add_argument('suite', type=Path, help='suite file, such as configs/suites/small.py')
    parser.add_argument('--only', nargs='+', metavar='NAME', help='these rows (default: all)')
    parser.add_argument(
        '--seeds', nargs='+', type=int, metavar='N', help="these seeds (default: the suite's)"
    )
    parser.add_argument('--list', action='store_true', help='say what is done and what is not')
    parser.add_argument('--tables', action='store_true', help='only make the tables anew')
    parser.add_argument(
        '--data-root',
        nargs='+',
        default=[],
        metavar='STATED=FOLDER',
        help='where data lie that configs state elsewhere, such as data/OSCD=/data/oscd',
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/suites'), help='for checkpoints and logs'
    )
    parser.add_argument(
        '--results', type=Path, default=Path('results'), help='for the result files'
    )
    parser.add_argument(
        '--documents',
        type=Path,
        nargs='*',
        help='documents whose tables to remake; no name: none (default: README.md docs/results.md, '
        'those of them that are there)',
    )
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time (default: 1)')
    parser.add_argument(
        '--gpus',
        type=int,
        default=0,
        help='share the runs among this many GPUs, one run on each; of those that '
        'CUDA_VISIBLE_DEVICES names where it is set',
    )
    parser.add_argument('--threads', type=int, help='threads of each run, on a CPU')
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision, see tools/train.py'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    if args.jobs < 1 or args.gpus < 0:
        raise ConfigError(
            f'--jobs is 1 or more and --gpus 0 or more; got {args.jobs} and {args.gpus}.'
        )
    require_stack()
    with quiet_imports():
        from mmcd.suites.execution import Place, check_data_roots, is_done, visible_gpus
        from mmcd.suites.suite import read_suite, select

    place = Place(
        args.work_dir,
        args.results,
        _data_roots(args.data_root),
        threads=args.threads,
        amp=args.amp,
    )
    suite = read_suite(args.suite)
    check_data_roots(suite, place.data_roots)
    runs = select(suite, args.only, args.seeds)
    documents = args.documents
    if documents is None:
        documents = [document for document in DOCUMENTS if document.is_file()]
    if args.tables:
        write_tables(args.results, documents)
        return 0
    done = [is_done(run, place) for run in runs]
    print(f'{len(runs)} runs, {sum(done)} of them finished')
    if args.list:
        for run, finished in zip(runs, done, strict=True):
            print(f'  {"finished" if finished else "to do":<9} {run.label}')
        return 0
    left = [run for run, finished in zip(runs, done, strict=True) if not finished]
    gpus = visible_gpus(args.gpus)
    make_tables(args.results, documents)  # so that what is wrong with them is told before the runs
    failed = run_all(left, place, jobs=max(args.jobs, args.gpus), gpus=gpus)
    write_tables(args.results, documents)
    return EXIT_FAILED if failed else 0


def run_all(runs: Sequence[SuiteRun], place: Place, *, jobs: int, gpus: Sequence[str] = ()) -> int:
    """Run what is not done; returns how many runs failed, each of which is told and left out.

    Args:
        runs: of the suite; those that test the weights of others come after all others.
        place: where they run.
        jobs: how many at the same time.
        gpus: shared among them, see :func:`mmcd.suites.execution.visible_gpus`.

    Raises:
        StoppedBySignalError: a signal asked for the end. It was passed on to what was running.
    """
    from mmcd.engine.graceful_stop import stop_request
    from mmcd.suites.execution import execute
    from mmcd.suites.processes import Processes

    free: queue.Queue[str | None] = queue.Queue()
    for number in range(jobs):
        free.put(gpus[number % len(gpus)] if gpus else None)

    processes = Processes()

    def one(run: SuiteRun) -> bool:
        if request.signal:
            return False
        gpu = free.get()
        print(f'{run.label}: started, log in {place.folder(run)}', flush=True)
        try:
            record = execute(run, place, gpu=gpu, processes=processes)
        except StoppedBySignalError:
            return False
        except MMCDError as error:
            print(f'{run.label}: failed\n{error}', file=sys.stderr, flush=True)
            return False
        finally:
            free.put(gpu)
        print(f'{run.label}: F1 {record["metrics"]["f1"]:.2f}', flush=True)
        return True

    groups = [run for run in runs if not run.source], [run for run in runs if run.source]
    with stop_request(processes.end) as request, ThreadPoolExecutor(max_workers=jobs) as pool:
        # Group by group: what tests the weights of another run waits for all that train.
        failed = sum(not succeeded for group in groups for succeeded in pool.map(one, group))
    if request.signal:
        raise StoppedBySignalError(
            f'Stopped by {signal.Signals(request.signal).name}. Finished runs are kept, and an '
            'interrupted training has its checkpoint: the same command continues.',
            request.signal,
        )
    return failed


def make_tables(results: Path, documents: Sequence[Path]) -> dict[Path, str]:
    """The texts of the documents whose tables are other than all result files make them.

    Raises:
        ConfigError: a document can't be read.
        ResultError: a result file can't be read, or what was published.
    """
    from mmcd.suites.tables import fill_in, has_tables, read_published, read_results

    texts = {document: _read_document(document) for document in documents}
    texts = {document: text for document, text in texts.items() if has_tables(text)}
    if not texts:
        return {}
    records, published = read_results(results), read_published(results)
    filled = {document: fill_in(text, records, published) for document, text in texts.items()}
    return {document: text for document, text in filled.items() if text != texts[document]}


def write_tables(results: Path, documents: Sequence[Path]) -> None:
    """Make the tables in documents anew from all result files; see :func:`make_tables`."""
    from mmcd.io.atomic import write_whole

    for document, text in make_tables(results, documents).items():
        write_whole(document, text)
        print(f'tables made anew: {document}')


def _read_document(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f'Cannot read the document {path}: {error}. --documents names those whose tables are '
            'made anew; without names, none are.'
        ) from error


def _data_roots(settings: Sequence[str]) -> dict[str, str]:
    pairs = [setting.split('=', 1) for setting in settings]
    wrong = [pair[0] for pair in pairs if len(pair) < 2 or not all(pair)]
    if wrong:
        raise ConfigError(
            '--data-root takes STATED=FOLDER, such as data/OSCD=/data/oscd; got '
            f'{", ".join(wrong)}.'
        )
    return dict(pairs)
