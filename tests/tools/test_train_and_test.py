"""The tools as a user runs them, on tiny pairs."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.processes import output_of, started
from tests.tiny_pairs import write_tiny_pairs

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/darnet_sample.py'


def environment():
    """Read where a test runs, which has a cache folder of its own."""
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}


SMALL = [
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'test_dataloader.num_workers=0',
    'train_dataloader.batch_size=2',
    'default_hooks.logger.interval=1',
]


def run(*command, expect=0, env=None):
    """Run a command in the checkout; returns its output, both streams together."""
    return output_of(command, expect=expect, cwd=ROOT, env={**environment(), **(env or {})})


def train(work_dir, data_root, *arguments, iters=2, options=(), **kwargs):
    return run(
        sys.executable, 'tools/train.py', CONFIG, '--work-dir', work_dir, *arguments,
        '--cfg-options', f'data_root={data_root}', f'train_cfg.max_iters={iters}',
        f'train_cfg.val_interval={iters}', f'default_hooks.checkpoint.interval={iters}',
        *SMALL, *options, **kwargs,
    )  # fmt: skip


def metrics(output):
    """The last line's metrics."""
    found = re.findall(r'change/(\w+): (-?[0-9.]+)', output)
    return {name: float(value) for name, value in found}


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Tiny pairs, the work dir of a training on them, and what it printed; not to be changed."""
    folder = tmp_path_factory.mktemp('trained')
    pairs = write_tiny_pairs(folder / 'pairs')
    return pairs, folder / 'work', train(folder / 'work', pairs)


@pytest.mark.slow
def test_train_then_test_with_masks_and_panels(trained, tmp_path):
    tiny_levir, work, output = trained
    assert 'Could not import' not in output
    assert 'Fail to import' not in output
    (best,) = work.glob('best_change_f1_iter_2.pth')
    output = run(
        sys.executable, 'tools/test.py', CONFIG, best, '--work-dir', tmp_path / 'test',
        '--out', tmp_path / 'masks', '--show-dir', tmp_path / 'panels',
        '--report', tmp_path / 'report',
        '--cfg-options', f'data_root={tiny_levir}', *SMALL,
    )  # fmt: skip
    names = ['test_1.png', 'test_2.png']
    assert sorted(p.name for p in (tmp_path / 'masks').iterdir()) == names
    assert sorted(p.name for p in (tmp_path / 'panels').iterdir()) == names
    report = json.loads((tmp_path / 'report' / 'result.json').read_text())
    page = (tmp_path / 'report' / 'index.html').read_text()
    assert f'<dd>{report["metrics"]["f1"]:.2f}</dd>' in page and 'on the test split' in page
    assert len(list((tmp_path / 'report').glob('images/*/errors.png'))) == 2
    assert page.count('/strip.jpg') >= 2
    counts = np.zeros(4, int)
    for name in names:
        mask = np.asarray(Image.open(tmp_path / 'masks' / name))
        label = np.asarray(Image.open(tiny_levir / 'test' / 'label' / name))
        assert mask.shape == label.shape
        assert set(np.unique(mask)) <= {0, 255}
        counts += np.bincount(2 * (label.ravel() > 0) + (mask.ravel() > 0), minlength=4)
    tn, fp, fn, tp = counts
    printed = metrics(output)
    # A report has objects, boundaries and probabilities besides.
    assert set(printed) > {'precision', 'recall', 'f1', 'iou', 'oa', 'kappa', 'object_f1'}
    assert printed['f1'] == pytest.approx(200 * tp / max(2 * tp + fp + fn, 1), abs=1e-3)
    assert printed['oa'] == pytest.approx(100 * (tp + tn) / counts.sum(), abs=1e-3)
    (written,) = (tmp_path / 'test').glob('*/*.json')
    assert json.loads(written.read_text())['change/f1'] == pytest.approx(printed['f1'], abs=1e-3)


@pytest.mark.slow
def test_a_resumed_training_gives_the_same_weights_as_one_that_was_not_stopped(
    tiny_levir, tmp_path
):
    """Of the same seed."""
    train(tmp_path / 'a', tiny_levir, iters=4)
    train(tmp_path / 'b', tiny_levir, iters=2)
    output = train(tmp_path / 'b', tiny_levir, '--resume', iters=4)
    assert 'resumed epoch: 0, iter: 2' in output
    assert 'Iter(train) [3/4]' in output
    assert 'Iter(train) [1/4]' not in output
    one, two = weights(tmp_path / 'a/iter_4.pth'), weights(tmp_path / 'b/iter_4.pth')
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_mixed_precision_trains_and_tests_on_the_cpu(tiny_levir, tmp_path):
    output = train(tmp_path / 'work', tiny_levir, '--amp')
    assert "type='BFloat16OptimWrapper'" in output
    run(
        sys.executable, 'tools/test.py', CONFIG, tmp_path / 'work/iter_2.pth', '--amp',
        '--work-dir', tmp_path / 'test', '--cfg-options', f'data_root={tiny_levir}', *SMALL,
    )  # fmt: skip


@pytest.mark.slow
def test_augmented_testing(trained, tmp_path):
    tiny_levir, work, _ = trained
    output = run(
        sys.executable, 'tools/test.py', CONFIG, work / 'iter_2.pth', '--tta',
        '--out', tmp_path / 'masks', '--show-dir', tmp_path / 'panels',
        '--work-dir', tmp_path / 'test', '--cfg-options', f'data_root={tiny_levir}', *SMALL,
    )  # fmt: skip
    assert 'f1' in metrics(output)
    assert len(list((tmp_path / 'masks').iterdir())) == 2


@pytest.mark.slow
def test_two_processes_train_and_test_as_one(tiny_levir, tmp_path):
    """Two gloo processes; the metrics are those of one process to the last digit."""
    work = tmp_path / 'work'
    shared = ['--cfg-options', f'data_root={tiny_levir}', *SMALL]
    run(
        'bash', 'tools/dist_train.sh', CONFIG, 2, '--work-dir', work, *shared,
        'train_cfg.max_iters=2', 'train_cfg.val_interval=2',
    )  # fmt: skip
    checkpoint = work / 'iter_2.pth'
    for path in (tiny_levir / 'test').glob('*/test_2.png'):  # an odd number: one is padded on
        path.with_name('test_3.png').write_bytes(path.read_bytes())
    asked = [CONFIG, checkpoint, '--work-dir', work, '--detail', '--result']
    two = run(
        'bash', 'tools/dist_test.sh', *asked[:2], 2, *asked[2:], tmp_path / 'two.json', *shared
    )
    one = run(sys.executable, 'tools/test.py', *asked, tmp_path / 'one.json', *shared)
    assert metrics(one) == metrics(two)
    assert len(metrics(one)) == 15
    results = [json.loads((tmp_path / f'{name}.json').read_text()) for name in ('one', 'two')]
    assert [result['protocol'].pop('processes') for result in results] == [1, 2]
    for result in results:
        del result['protocol']['date']
    assert results[0] == results[1]
    assert [image['name'] for image in results[0]['images']] == ['test_1', 'test_2', 'test_3']
    assert results[0]['metrics']['f1'] == pytest.approx(metrics(one)['f1'], abs=1e-3)


@pytest.mark.slow
def test_interrupt_says_how_to_go_on(tiny_levir, tmp_path):
    command = [
        sys.executable, 'tools/train.py', CONFIG, '--work-dir', tmp_path / 'work',
        '--cfg-options', f'data_root={tiny_levir}', 'train_cfg.max_iters=100000',
        'train_cfg.val_interval=100000', 'default_hooks.checkpoint.interval=2', *SMALL,
    ]  # fmt: skip
    pointer = tmp_path / 'work' / 'last_checkpoint'
    log = tmp_path / 'log.txt'
    with (
        log.open('w') as stream,
        started(command, cwd=ROOT, env=environment(), stdout=stream, stderr=stream) as process,
    ):
        deadline = time.monotonic() + 120
        while not pointer.is_file():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    output = log.read_text()
    assert re.search(r'Stopped\. The last checkpoint is .*iter_\d+\.pth; .* --resume', output)
    assert 'Traceback' not in output


def test_a_typo_in_the_config_path_offers_the_right_one():
    output = run(sys.executable, 'tools/train.py', 'configs/darnet_levr.py', expect=2)
    assert re.search(r'error: No such config file: .*Did you mean .*darnet_levir\.py', output)
    assert 'Traceback' not in output


def test_a_missing_data_set_shows_the_expected_tree(tmp_path, tools):
    words = [ROOT / 'configs/darnet_levir.py', '--work-dir', tmp_path / 'work']
    words += ['--cfg-options', f'data_root={tmp_path / "nowhere"}']
    output = tools.run(ROOT / 'tools/train.py', words, expect=2)
    assert 'LEVIRCDDataset expects' in output
    assert 'train/A/' in output
    assert 'Traceback' not in output


def test_a_missing_checkpoint_is_said_before_work_starts(tiny_levir, tmp_path, tools):
    words = [ROOT / CONFIG, tmp_path / 'best.pth', '--work-dir', tmp_path / 'work']
    words += ['--cfg-options', f'data_root={tiny_levir}', *SMALL]
    output = tools.run(ROOT / 'tools/test.py', words, expect=2)
    assert re.search(r'error: No such checkpoint: .*best\.pth', output)
    assert 'Traceback' not in output


def test_a_setting_without_a_value_is_said(tools):
    words = [ROOT / CONFIG, '--cfg-options', 'data_root']
    output = tools.run(ROOT / 'tools/train.py', words, expect=2)
    assert '--cfg-options takes KEY=VALUE' in output


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_shell_tools_say_their_usage(script):
    assert 'usage:' in run('bash', f'tools/{script}', expect=2)


def test_slurm_passes_everything_on(tmp_path):
    """srun is not here: a stand-in prints what it would be given."""
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n')
    srun.chmod(0o755)
    output = run(
        'bash', 'tools/slurm_train.sh', 'gpu', 'my job', CONFIG, '--work-dir', 'a b',
        env={'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': '2', 'SRUN_ARGS': '-x n1'},
    )  # fmt: skip
    words = re.findall(r'<(.*)>', output)
    assert words[words.index('--ntasks') + 1] == '2'
    assert words[words.index('-x') + 1] == 'n1'
    assert words[-5:] == [CONFIG, '--work-dir', 'a b', '--launcher', 'slurm']
