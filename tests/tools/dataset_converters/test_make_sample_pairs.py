from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[3] / 'tools' / 'dataset_converters' / 'make_sample_pairs.py'
SMALL = ('--train', '2', '--val', '1', '--test', '1', '--size', '32', '--workers', '2')


def run(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), '--out', str(out), *SMALL, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-2:] == ['made 4 of 4 pairs', f'4 pairs are in {tmp_path}']
    assert run(tmp_path, '--train', '1').stdout.splitlines() == [
        f'3 pairs are in {tmp_path}',
        '1 more than asked for were there already and are kept',
    ]


def test_an_error_is_one_line(tmp_path: Path) -> None:
    failed = run(tmp_path, '--size', '20')
    assert failed.returncode == 2
    assert failed.stderr == 'error: expected a size from 32 to 2048 pixels, but got 20\n'
