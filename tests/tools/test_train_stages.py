"""Training in stages as a user runs it, on tiny pairs; and each stage by two processes."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.processes import output_of, started

ROOT = Path(__file__).resolve().parents[2]
STAGES = ['prx_sample', 'prx_sample_refine', 'prx_sample_cross']
CONFIGS = [str(ROOT / 'configs' / f'{name}.py') for name in STAGES]
SCRIPT = ROOT / 'tools' / 'train_stages.sh'
TRAIN = ROOT / 'tools' / 'train.py'


def environment():
    """Read where a test runs, which has a cache folder of its own."""
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}


SMALL = [
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'train_dataloader.batch_size=2',
    'default_hooks.logger.interval=1',
    'default_hooks.checkpoint.interval=1',
]


def stages_command(data_root, *words, iters=2):
    settings = [f'train_cfg.max_iters={iters}', f'train_cfg.val_interval={iters}', *SMALL]
    data = [] if data_root is None else [f'data_root={data_root}']
    return ['bash', str(SCRIPT), *CONFIGS, *words, '--cfg-options', *data, *settings]


def run(command, work, expect=0):
    """Run in an own folder, where the stages' work dirs come to lie."""
    return output_of(command, expect=expect, cwd=work, env=environment())


def output_by_stage(output):
    """What each stage printed."""
    parts = re.split(r'^Stage .*/(\w+)\.py$', output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def iterations(output):
    return re.findall(r'Iter\(train\) \[(\d+)/\d+\]', output)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / 'work'
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_three_stages_stopped_and_continued(tiny_levir, work):
    command = stages_command(tiny_levir, iters=3)
    stop_in_second_stage(command, work)
    printed = output_by_stage(run(command, work))
    assert list(printed) == STAGES
    assert 'prx_sample is finished' in printed['prx_sample']
    assert iterations(printed['prx_sample']) == []
    assert 'resumed epoch: 0, iter: ' in printed['prx_sample_refine']
    assert '1' not in iterations(printed['prx_sample_refine'])
    assert 'This stage starts from' not in printed['prx_sample_refine']
    assert iterations(printed['prx_sample_cross']) == ['1', '2', '3']
    assert 'starts from work_dirs/prx_sample_refine/best_change_f1' in printed['prx_sample_cross']
    assert '198 of 298 tensors loaded, none left over, 100 new' in printed['prx_sample_cross']


def stop_in_second_stage(command, work):
    """Interrupt the script, as Ctrl-C does, after the second stage's first checkpoint."""
    log = work / 'stopped.log'
    pointer = work / 'work_dirs' / 'prx_sample_refine' / 'last_checkpoint'
    with (
        log.open('w') as stream,
        started(command, cwd=work, env=environment(), stdout=stream, stderr=stream) as process,
    ):
        deadline = time.monotonic() + 200
        while not pointer.is_file():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        status = process.wait(timeout=60)
    assert status != 0
    assert not (work / 'work_dirs' / 'prx_sample_refine' / 'finished').exists()


@pytest.mark.slow
def test_two_processes_train_the_last_stage(tiny_levir, work):
    """No parameter without a gradient, no two processes that wait for each other.

    It has all modules of the stages before it.
    """
    command = stages_command(tiny_levir, '2')
    printed = run([*command[:2], *command[4:], 'stage_from=None'], work)
    assert iterations(printed) == ['1', '2'] and "type='MMDistributedDataParallel'" in printed
    content = torch.load(work / 'work_dirs' / STAGES[2] / 'iter_2.pth', weights_only=True)
    assert all(value.isfinite().all() for value in content['state_dict'].values())


@pytest.mark.slow
def test_a_stop_before_the_last_validation_leaves_no_dead_end(tiny_levir, work):
    run(stages_command(tiny_levir)[:3] + stages_command(tiny_levir)[5:], work)
    folder = work / 'work_dirs' / 'prx_sample'
    (best,) = folder.glob('best_change_f1*.pth')
    best.unlink()
    (folder / 'finished').unlink()
    # As the checkpoint of the last iteration stands when the validation has not been run.
    content = torch.load(folder / 'iter_2.pth', weights_only=True)
    content['message_hub']['runtime_info'].pop('best_score')
    content['message_hub']['runtime_info'].pop('best_ckpt')
    content['message_hub']['runtime_info'].pop('last_validation')
    torch.save(content, folder / 'iter_2.pth')
    output = run(stages_command(tiny_levir)[:3] + stages_command(tiny_levir)[5:], work)
    assert iterations(output) == []
    assert best.is_file() and json.loads((folder / 'finished').read_text())['iterations'] == 2


@pytest.mark.parametrize('config', ['prx_sample_refine', 'prx_sample_cross'])
def test_a_stage_without_the_one_before_says_so(config, tiny_levir, work, tools, monkeypatch):
    monkeypatch.chdir(work)
    words = [ROOT / f'configs/{config}.py', '--cfg-options', f'data_root={tiny_levir}']
    output = tools.run(TRAIN, words, expect=2)
    assert re.search(r'^error: This stage starts from .* is not there .*\n\Z', output, re.MULTILINE)


@pytest.mark.slow
def test_the_recipe_trains_on_the_cpu_in_mixed_precision(tiny_levir, work):
    """A published config's own precision: bfloat16 where there is no GPU."""
    options = ['model.backbone.depth=18', 'pretrained=None', 'train_cfg.max_iters=1', *SMALL]
    output = run(
        [
            sys.executable, ROOT / 'tools' / 'train.py', ROOT / 'configs' / 'prx_levir.py',
            '--cfg-options', f'data_root={tiny_levir}', *options,
        ],
        work,
    )  # fmt: skip
    assert 'BFloat16OptimWrapper' in output or 'AmpOptimWrapper' in output
    assert iterations(output) == ['1']


def test_missing_pretrained_weights_stop_the_run_with_ways_out(
    tiny_levir, work, tools, monkeypatch
):
    monkeypatch.chdir(work)
    settings = [f'data_root={tiny_levir}', 'pretrained=gone.pth', *SMALL]
    words = [ROOT / 'configs' / 'prx_levir.py', '--cfg-options', *settings]
    output = tools.run(TRAIN, words, expect=2)
    assert 'error: No pretrained weights for ResNet from gone.pth: No such checkpoint' in output
    assert 'pretrained=FILE' in output and 'pretrained=None' in output
    assert iterations(output) == [] and 'Traceback' not in output


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'usage: '),
        (['2'], 'usage: '),
        (['gone.py'], 'error: no such config file: gone.py'),
        ([CONFIGS[0], '2', '3'], 'usage: '),
        ([CONFIGS[0], '--work-dir', 'x'], "error: the stages can't share one --work-dir"),
        ([CONFIGS[0], '--work-dir=x'], "error: the stages can't share one --work-dir"),
        ([CONFIGS[0], '--work', 'x'], "error: the stages can't share one --work-dir"),
        ([CONFIGS[0], '--cfg-options', 'work_dir=x'], "error: the stages can't share one --work"),
        ([CONFIGS[0], '--cfg-options=work_dir=x'], "error: the stages can't share one --work-dir"),
    ],
)
def test_a_wrong_command_is_said(words, message, work):
    output = run(['bash', str(SCRIPT), *words], work, expect=2)
    assert output.startswith(message)
    assert list(work.iterdir()) == []
