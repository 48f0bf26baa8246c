"""Show that a training that is killed and resumed ends as one that is not.

    python tools/analysis_tools/check_resume.py CONFIG --kills 20
    python tools/analysis_tools/check_resume.py CONFIG --kills 5 --processes 2
    python tools/analysis_tools/check_resume.py CONFIG --at-writes

The run is made once undisturbed, then again and again with SIGKILL at random moments, each time
resumed until it is through. Weights, optimizer, best checkpoint and best score must be the same to
the bit. With --at-writes it is killed once in the midst of each write, before and after each
renaming and each removal of a file. For systems that fork processes, on the CPU.
"""

from __future__ import annotations

import argparse
import builtins
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch

from mmcd.cli.arguments import add_memory_argument, add_model_arguments
from mmcd.cli.commands import train
from mmcd.cli.console import run_tool
from mmcd.errors import MMCDError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

MOST_ATTEMPTS = 100  # of one run: a kill in each, until it is through


class ResumeError(MMCDError):
    """A run that was killed did not end as the undisturbed one."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Kill a training at random moments, resume it, and compare what comes out.'
    )
    parser.add_argument('config')
    parser.add_argument('--kills', type=int, default=20, metavar='N', help='default: 20')
    parser.add_argument('--processes', type=int, default=1, choices=[1, 2])
    parser.add_argument(
        '--at-writes', action='store_true', help='kill at each change of a file instead, in turn'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the kill times (default: 0)')
    parser.add_argument(
        '--work-dir',
        default='work_dirs/check_resume',
        help='folder of the runs (default: %(default)s)',
    )
    parser.add_argument('--amp', action='store_true', help='run in mixed precision')
    add_memory_argument(parser)
    add_model_arguments(parser)
    return parser.parse_args(argv)


def train_arguments(args: argparse.Namespace) -> list[str]:
    """What is passed on to the trainings."""
    words = ['--amp'] if args.amp else []
    words += ['--trust-checkpoint'] if args.trust_checkpoint else []
    if args.keep_memory is not None:
        words.append('--keep-memory' if args.keep_memory else '--no-keep-memory')
    return [*words, '--cfg-options', *args.cfg_options] if args.cfg_options else words


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():  # once, for all the runs that are forked from here
        import mmcd.engine.launch
        import mmcd.engine.stages
        import mmcd.engine.train_runner  # noqa: F401
        from mmcd.io.atomic import make_folder
    # One of its own: what is in the folder that was named is not ours to remove.
    parent = Path(args.work_dir)
    make_folder(parent)
    root = Path(tempfile.mkdtemp(prefix='runs_', dir=parent))
    check = Check(args, root)
    began = time.monotonic()
    if check.attempt('whole') != 0:
        raise ResumeError(f'The undisturbed run failed; see {root / "whole.log"}.')
    seconds = time.monotonic() - began
    print(f'undisturbed: {seconds:.1f} s', flush=True)
    if args.at_writes:
        check.kill_at_changes()
    else:
        check.kill_at_random(args.kills, seconds, random.Random(args.seed))
    print(
        f'{check.kills} kills in {check.runs} runs: {check.refused} refused to go on, '
        f'{check.equal} of {check.runs} ended equal to the bit.'
    )
    if check.refused or check.equal < check.runs:
        raise ResumeError(f'Not all runs are equal; their logs and files are in {root}.')
    shutil.rmtree(root)


class Check:
    """The undisturbed run, the killed ones, and what became of them."""

    def __init__(self, args: argparse.Namespace, root: Path) -> None:
        self.args = args
        self.root = root
        self.kills = self.runs = self.refused = self.equal = 0

    def kill_at_random(self, kills: int, seconds: float, moments: random.Random) -> None:
        """Kill until the number is reached; each run is resumed until it is through."""
        while self.kills < kills:
            name = f'run_{self.runs}'
            for _ in range(MOST_ATTEMPTS):
                # A run takes as long as the first one, or less: that one has met empty caches.
                left = self.kills < kills
                status = self.attempt(name, moments.uniform(0, 0.7 * seconds) if left else None)
                self.kills += status == -signal.SIGKILL
                if status != -signal.SIGKILL:
                    break
            self.judge(name, status)

    def kill_at_changes(self) -> None:
        """Kill a run at its first change of a file, another at its second, and so on."""
        number = 0
        while True:
            number += 1
            name = f'run_{self.runs}'
            if self.attempt(name, at_change=number) != -signal.SIGKILL:
                shutil.rmtree(self.root / name)
                return
            self.kills += 1
            self.judge(name, self.attempt(name))

    def judge(self, name: str, status: int) -> None:
        self.runs += 1
        differs = '' if status else differences(self.root / 'whole', self.root / name)
        self.refused += status != 0
        self.equal += status == 0 and not differs
        good = 'equal' if status == 0 and not differs else differs or f'exit status {status}'
        print(f'{name}: {self.kills} kills so far, {good}', flush=True)
        if good == 'equal':
            shutil.rmtree(self.root / name)

    def attempt(self, name: str, seconds: float | None = None, at_change: int = 0) -> int:
        """Start or resume a run and wait for its end, or kill it; gives the worst exit status."""
        port = free_port()
        children = [self.fork(name, rank, port, at_change) for rank in range(self.args.processes)]
        if seconds is not None:
            until = time.monotonic() + seconds
            while time.monotonic() < until and all(is_running(child) for child in children):
                time.sleep(0.02)
            for child in children:
                if is_running(child):
                    os.kill(child, signal.SIGKILL)
        return min(wait_for(child) for child in children) or max(map(wait_for, children))

    def fork(self, name: str, rank: int, port: int, at_change: int) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            log = os.open(self.root / f'{name}.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if at_change:
                kill_at_change(at_change)
            words = [self.args.config, '--work-dir', str(self.root / name), '--resume']
            if self.args.processes > 1:
                words += ['--launcher', 'pytorch']
                os.environ.update(
                    RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(self.args.processes),
                    MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port),
                )  # fmt: skip
            try:
                run_tool(lambda: train.main([*words, *train_arguments(self.args)]))
            except SystemExit as end:
                status = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)


_ended: dict[int, int] = {}


def is_running(child: int) -> bool:
    if child not in _ended:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            _ended[child] = os.waitstatus_to_exitcode(status)
    return child not in _ended


def wait_for(child: int) -> int:
    if child not in _ended:
        _ended[child] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return _ended[child]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def kill_at_change(number: int) -> None:
    """Let this process kill itself at one change of a checkpoint or of the pointer to it.

    A write is done by half first; a renaming and a removal are killed before and after.
    """
    from mmengine.fileio.backends import LocalBackend

    left = number

    def may_be_the_last() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    put, replace, unlink, remove = LocalBackend.put, os.replace, os.unlink, os.remove

    def half_put(self: LocalBackend, content: bytes, path: str) -> None:
        if may_be_the_last():
            put(self, bytes(content)[: len(content) // 2], path)
            end()
        put(self, content, path)

    def around(change):
        def changed(path, *more, **named):
            ours = Path(path).suffix in ('.pth', '.part') or Path(path).name == 'last_checkpoint'
            if ours and may_be_the_last():
                end()
            result = change(path, *more, **named)
            if ours and may_be_the_last():
                end()
            return result

        return changed

    open_ = builtins.open

    def half_pointer(file, mode='r', *more, **named):
        opened = open_(file, mode, *more, **named)
        if str(file).endswith('last_checkpoint') and 'w' in mode and may_be_the_last():
            end()  # it is empty now
        return opened

    builtins.open = half_pointer
    LocalBackend.put = half_put
    os.replace = around(replace)
    os.unlink, os.remove = around(unlink), around(remove)


def differences(whole: Path, other: Path) -> str:
    """What differs in the last and the best checkpoints of two runs; '' where nothing does."""
    names = [sorted(path.name for path in run.glob('*.pth')) for run in (whole, other)]
    if names[0] != names[1]:
        return f'checkpoints {names[0]} and {names[1]}'
    left = sorted(path.name for path in other.glob('.*.part'))
    if left:
        return f'left behind: {left}'
    for name in names[0]:
        first, second = (torch.load(run / name, weights_only=True) for run in (whole, other))
        for part in ('state_dict', 'optimizer', 'param_schedulers'):
            if not same(first.get(part), second.get(part)):
                return f'{part} of {name}'
        info = [content['message_hub']['runtime_info'] for content in (first, second)]
        if info[0].get('best_score') != info[1].get('best_score'):
            return f'the best score, {info[0].get("best_score")} and {info[1].get("best_score")}'
    return ''


def same(first, second) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


if __name__ == '__main__':
    run_tool(main)
