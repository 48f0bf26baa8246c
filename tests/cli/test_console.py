from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from mmcd import errors
from mmcd.cli.console import run_tool
from mmcd.errors import MMCDError
from mmcd.io.atomic import cannot_write


def ended(main: Callable[[], int | None]) -> int | None:
    with pytest.raises(SystemExit) as caught:
        run_tool(main)
    return caught.value.code


def raising(error: BaseException) -> Callable[[], int | None]:
    def main() -> int | None:
        raise error

    return main


@pytest.mark.parametrize(('result', 'status'), [(None, None), (0, 0), (3, 3)])
def test_a_tool_ends_with_its_result(result: int | None, status: int | None) -> None:
    assert ended(lambda: result) == status


def test_an_error_of_ours_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(raising(MMCDError('no file a.png\nexpected b.png'))) == 2
    assert capsys.readouterr() == ('', 'error: no file a.png\nexpected b.png\n')


@pytest.mark.parametrize(
    ('error', 'status'),
    [
        (errors.ConfigError('x'), 2),
        (errors.DatasetNotFoundError('x'), 2),
        (errors.CheckpointError('x'), 2),
        (errors.LabelError('x'), 1),
        (errors.MissingFileError('x'), 1),
        (errors.NonFiniteLossError('x'), 1),
        (errors.PredictionError('x'), 1),
        (errors.ExportMemoryError('x'), 1),
        (cannot_write(Path('x'), OSError(errno.ENOSPC, 'No space left')), 1),
        (cannot_write(Path('x'), OSError(errno.EACCES, 'Permission denied')), 2),
        (errors.WorkerLostError('x'), 1),
        (errors.StoppedBySignalError('x', 15), 143),
        (errors.StoppedBySignalError('x', 1), 129),
    ],
)
def test_the_status_says_whose_matter_it_is(error, status) -> None:
    assert ended(raising(error)) == status


def test_debug_shows_the_trace_in_any_tool(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', ['tool', 'a', '--debug', 'b'])
    seen = []

    def main() -> None:
        seen.extend(sys.argv)
        raise errors.LabelError('wrong label')

    assert ended(main) == 1
    assert seen == ['tool', 'a', 'b']
    shown = capsys.readouterr().err
    assert shown.startswith('Traceback') and shown.endswith('error: wrong label\n')


class FailingDataset(list):
    def __getitem__(self, index: int) -> int:
        try:
            raise ValueError('first: cause')
        except ValueError as error:
            raise errors.LabelError('label a.png:\n  wrong\n  values') from error


def test_an_error_of_a_loading_process_is_its_message_alone(capsys) -> None:
    loader = DataLoader(FailingDataset([1, 2]), num_workers=1)
    assert ended(lambda: next(iter(loader))) == 1
    assert capsys.readouterr().err == 'error: label a.png:\n  wrong\n  values\n'


@pytest.mark.parametrize(
    ('before', 'after'),
    [
        ({}, {'OMP_WAIT_POLICY': 'PASSIVE', 'GOMP_SPINCOUNT': '3000'}),
        ({'GOMP_SPINCOUNT': '7'}, {'OMP_WAIT_POLICY': 'PASSIVE', 'GOMP_SPINCOUNT': '7'}),
        ({'OMP_WAIT_POLICY': 'ACTIVE'}, {'OMP_WAIT_POLICY': 'ACTIVE', 'GOMP_SPINCOUNT': None}),
    ],
)
def test_threads_spin_briefly_then_sleep_while_they_wait(monkeypatch, before, after) -> None:
    for name in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'):
        monkeypatch.setenv(name, '')  # so that it is as before in the end
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    assert ended(lambda: {name: os.environ.get(name) for name in after} != after) is False


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ('', 'interrupted\n')


def test_a_name_that_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    name = 'x' * 300
    assert ended(raising(OSError(errno.ENAMETOOLONG, 'File name too long', name))) == 2
    assert capsys.readouterr().err == f'error: File name too long: {name}. Use a shorter name.\n'


def test_output_that_nobody_reads_any_more_ends_in_silence() -> None:
    code = (
        'from mmcd.cli.console import run_tool; run_tool(lambda: [print(i) for i in range(99999)])'
    )
    tool = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert tool.stdout is not None and tool.stderr is not None
    tool.stdout.readline()
    tool.stdout.close()
    assert tool.stderr.read() == b'' and tool.wait() == 141
    tool.stderr.close()


def test_a_broken_pipe_of_another_kind_keeps_its_trace() -> None:
    with pytest.raises(BrokenPipeError):
        run_tool(raising(BrokenPipeError(errno.EPIPE, 'Broken pipe')))


def test_a_fault_of_mmcd_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        run_tool(raising(ZeroDivisionError()))


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)


def test_imports_are_light() -> None:
    code = (
        'import sys, mmcd, mmcd.cli.console, mmcd.install.stack\n'
        "print(sorted({'torch', 'numpy', 'cv2', 'mmcv', 'mmengine', 'mmseg'} & set(sys.modules)))"
    )
    assert run(code).stdout == '[]\n'
