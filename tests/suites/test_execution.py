"""One run of a suite: trained, tested, and written as one result file, once."""

import json

import pytest
import torch
from mmengine.config import Config

from mmcd.cli.commands.benchmark import main
from mmcd.config import load_config
from mmcd.engine.protocol import hash_config, hash_start
from mmcd.errors import ConfigError, ResultError, SuiteError
from mmcd.evaluation.record import read_record
from mmcd.suites.execution import (
    Place,
    _call,
    _note_beginning,
    execute,
    find_checkpoint,
    is_done,
    resolve,
    train_minutes,
    visible_gpus,
)
from mmcd.suites.processes import Processes
from mmcd.suites.suite import SuiteRun
from tests.suites.results_files import PUBLISHED, record_of, write_results
from tests.tiny_pairs import write_tiny_pairs

SUITE = """
runs = [
    dict(
        config='fc_ef_sample',
        name='fc_ef_tiny',
        benchmark='tiny',
        title='FC-EF',
        options={
            'train_cfg.max_iters': 2,
            'train_cfg.val_interval': 2,
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': 0,
            'val_dataloader.num_workers': 0,
            'test_dataloader.num_workers': 0,
        },
    ),
    dict(
        config='fc_ef_sample',
        name='fc_ef_as_it_is',
        benchmark='tiny',
        title='FC-EF, as it is',
        weights='fc_ef_tiny/seed0/best',
        options={'test_dataloader.num_workers': 0},
    ),
]
"""


@pytest.fixture(scope='module')
def suite(tmp_path_factory):
    """A suite that has run, with what its command needs."""
    folder = tmp_path_factory.mktemp('suite')
    write_tiny_pairs(folder / 'pairs', height=128, width=128)
    (folder / 'suite.py').write_text(SUITE)
    (folder / 'results').mkdir()
    (folder / 'results' / 'published.json').write_text(json.dumps(PUBLISHED))
    (folder / 'table.md').write_text('<!-- results: tiny -->\n<!-- end of results -->\n')
    assert main(arguments(folder)) == 0
    return folder


def arguments(folder, *more):
    return [
        *(str(folder / 'suite.py'), '--work-dir', str(folder / 'work')),
        *('--results', str(folder / 'results'), '--documents', str(folder / 'table.md')),
        *('--data-root', f'data/sample={folder / "pairs"}', '--threads', '1', *more),
    ]


@pytest.mark.slow
def test_a_run_leaves_one_result_with_all_that_tells_what_it_was(suite):
    record = json.loads((suite / 'results' / 'fc_ef_tiny_seed0.json').read_text())
    run = record['run']
    assert (run['name'], run['seed'], run['steps'], run['batch_size']) == ('fc_ef_tiny', 0, 2, 2)
    assert len(run['start_sha256']) == 64
    assert run['parameters'] > 1e6 and run['multiply_adds'] > 1e8 and run['train_minutes'] >= 0
    assert record['protocol']['data_root'] == 'data/sample'
    # At one half, whatever the validation split chose; at its threshold besides.
    assert record['protocol']['threshold'] == 0.5
    tuned, retested = (
        run['tuned'],
        json.loads((suite / 'work/fc_ef_tiny/seed0/test_tuned.json').read_text()),
    )
    assert retested['protocol']['threshold'] == tuned['threshold'] != 0.5
    assert tuned['f1'] == retested['metrics']['f1']
    assert len(record['images']) == 2
    assert str(suite) not in json.dumps(record)


@pytest.mark.slow
def test_a_row_tests_the_weights_of_another_without_training(suite):
    trained, as_it_is = (
        json.loads((suite / 'results' / f'{name}_seed0.json').read_text())
        for name in ('fc_ef_tiny', 'fc_ef_as_it_is')
    )
    assert as_it_is['run']['steps'] is None and 'tuned' not in as_it_is['run']
    assert as_it_is['metrics'] == trained['metrics']
    assert not list((suite / 'work' / 'fc_ef_as_it_is').glob('seed0/*.pth'))


@pytest.mark.slow
def test_a_run_in_mixed_precision_says_so(suite):
    assert main(arguments(suite, '--only', 'fc_ef_tiny', '--seeds', '2', '--amp')) == 0
    record = json.loads((suite / 'results' / 'fc_ef_tiny_seed2.json').read_text())
    assert record['run']['amp'] and record['protocol']['precision'] == 'float32'
    (config,) = (suite / 'work' / 'fc_ef_tiny' / 'seed2').glob('*/vis_data/config.py')
    wrapper = 'AmpOptimWrapper' if torch.cuda.is_available() else 'BFloat16OptimWrapper'
    assert f"'{wrapper}'" in config.read_text()
    assert '2 × 2, mixed precision' in (suite / 'table.md').read_text()


def test_a_training_goes_on_as_it_was_begun(tmp_path):
    config = Config(dict(max_iters=2, work_dir='a'))
    _note_beginning(tmp_path, config, amp=True)
    _note_beginning(tmp_path, Config(dict(max_iters=2, work_dir='b')), amp=True)
    with pytest.raises(SuiteError, match=r'was begun with --amp\. Continue in the same way'):
        _note_beginning(tmp_path, config, amp=False)
    with pytest.raises(SuiteError, match=r'begun with another config than the row has today\. Rem'):
        _note_beginning(tmp_path, Config(dict(max_iters=3)), amp=True)


OTHER_STARTS = [
    dict(load_from='x.pth'),
    dict(custom_hooks=[dict(type='EMAHook')]),
    dict(default_hooks=dict(checkpoint=dict(save_best='change/iou'))),
]


@pytest.mark.parametrize('change', OTHER_STARTS)
def test_a_training_with_another_start_or_hooks_is_not_gone_on_with(tmp_path, change):
    config, other = (load_config('darnet_sample') for _ in range(2))
    other.merge_from_dict(change)
    assert hash_config(config) == hash_config(other)
    _note_beginning(tmp_path, config, amp=False)
    with pytest.raises(SuiteError, match='begun with another config than the row has today'):
        _note_beginning(tmp_path, other, amp=False)


@pytest.mark.parametrize('change', OTHER_STARTS)
def test_a_result_of_another_start_or_hooks_is_not_taken_for_a_row_s_own(tmp_path, change):
    """A row whose config file was edited since."""
    file = tmp_path / 'own.py'
    load_config('darnet_sample').dump(str(file))
    run = SuiteRun('own', 'tiny', 'Own', str(file))
    place = Place(tmp_path / 'work', tmp_path, {})
    cfg = resolve(run, place)
    noted = dict(config_sha256=hash_config(cfg), start_sha256=hash_start(cfg))
    write_results(tmp_path, record_of('own', **noted))
    assert is_done(run, place)
    edited = Config.fromfile(file)
    edited.merge_from_dict(change)
    edited.dump(str(file))
    with pytest.raises(ResultError, match='is the result of another load_from or hooks than'):
        is_done(run, place)
    write_results(tmp_path, record_of('own', config_sha256=hash_config(cfg)))
    assert is_done(run, place)  # of before the start was noted


def test_a_training_that_was_begun_before_its_start_was_noted_goes_on(tmp_path):
    config = Config(dict(max_iters=2))
    begun = dict(amp=False, config_sha256=hash_config(config))
    (tmp_path / 'training.json').write_text(json.dumps(begun))
    _note_beginning(tmp_path, config, amp=False)


def test_a_training_by_epochs_is_refused(tmp_path):
    file, cfg = tmp_path / 'own.py', load_config('darnet_sample')
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
    cfg.dump(str(file))
    run = SuiteRun('own', 'tiny', 'Own', str(file))
    with pytest.raises(SuiteError, match=r'own_seed0: suites train by iterations, but .*IterBased'):
        execute(run, Place(tmp_path / 'work', tmp_path, {}))
    assert not list((tmp_path / 'work').rglob('*.log'))


def test_a_training_of_another_recipe_is_no_result_of_this_row(suite, tmp_path):
    other = SuiteRun(
        'fc_ef_tiny', 'tiny', 'FC-EF', 'fc_ef_sample', options={'train_cfg.max_iters': 3}
    )
    place = Place(suite / 'work', tmp_path, {})
    with pytest.raises(SuiteError, match='begun with another config'):
        execute(other, place)
    assert not place.result(other).exists()


def test_the_table_is_made_from_the_results(suite):
    table = (suite / 'table.md').read_text()
    assert 'FC-EF (`fc_ef_tiny`)' in table and '| none here |' in table
    assert 'Theirs, published: a paper' in table


@pytest.mark.slow
def test_what_is_finished_is_left_out(suite, capsys):
    path = suite / 'results' / 'fc_ef_tiny_seed0.json'
    time = path.stat().st_mtime_ns
    assert main(arguments(suite)) == 0
    assert '2 runs, 2 of them finished' in capsys.readouterr().out
    assert path.stat().st_mtime_ns == time


@pytest.mark.slow
def test_a_result_of_another_config_is_not_taken_for_this_one(suite):
    place = Place(suite / 'work', suite / 'results', {})
    other = SuiteRun(
        'fc_ef_tiny', 'tiny', 'FC-EF', 'fc_ef_sample', options={'train_cfg.max_iters': 3}
    )
    with pytest.raises(
        ResultError, match='the result of another config and options than the row of fc_ef'
    ):
        is_done(other, place)
    # What the config's hash leaves out.
    same = 'fc_ef_tiny', 'tiny', 'FC-EF', 'fc_ef_sample'
    options = read_record(suite / 'results' / 'fc_ef_tiny_seed0.json')['run']['options']
    started = SuiteRun(*same, options={**options, 'load_from': 'x.pth'})
    with pytest.raises(ResultError, match='the result of another load_from or hooks and options'):
        is_done(started, place)
    with pytest.raises(ResultError, match='the result of another checkpoint than'):
        is_done(SuiteRun(*same, options=options, checkpoint='last'), place)


@pytest.mark.slow
def test_a_run_that_fails_is_told_with_the_end_of_its_log(suite, capsys):
    assert (
        main(
            arguments(
                suite, '--only', 'fc_ef_tiny', '--seeds', '1', '--data-root', 'data/sample=nowhere'
            )
        )
        == 1
    )
    assert 'fc_ef_tiny_seed1: failed' in capsys.readouterr().err


def test_weights_that_no_row_has_trained_are_told(tmp_path):
    run = SuiteRun('b', 'tiny', 'B', 'fc_ef_sample', weights='a/seed0/best')
    with pytest.raises(SuiteError, match=r'b_seed0: no checkpoint in .*a/seed0'):
        find_checkpoint(run, Place(tmp_path, tmp_path, {}))


def test_weights_of_a_training_that_is_not_finished_are_told(tmp_path):
    run = SuiteRun('b', 'tiny', 'B', 'fc_ef_sample', weights='a/seed0/best')
    place, folder = Place(tmp_path, tmp_path, {}), tmp_path / 'a' / 'seed0'
    folder.mkdir(parents=True)
    best = folder / 'best_change_f1_iter_2.pth'
    best.touch()
    said = r'b_seed0: the training in .*a/seed0 is not finished\. Let it finish first'
    with pytest.raises(SuiteError, match=said):
        find_checkpoint(run, place)
    Config(dict(train_cfg=dict(max_iters=4), work_dir='elsewhere')).dump(str(folder / 'a.py'))
    (folder / 'finished').write_text('2')
    with pytest.raises(SuiteError, match=said):
        find_checkpoint(run, place)
    (folder / 'finished').write_text('4')
    assert find_checkpoint(run, place) == best


def test_weights_may_be_a_network_that_comes_with_mmcd(tmp_path):
    run = SuiteRun('b', 'tiny', 'B', 'fc_ef_sample', weights='buildings')
    assert find_checkpoint(run, Place(tmp_path, tmp_path, {})).name == 'buildings.safetensors'


def test_a_file_of_weights_that_is_not_there_is_told(tmp_path):
    run = SuiteRun('b', 'tiny', 'B', 'fc_ef_sample', weights=str(tmp_path / 'best.pth'))
    with pytest.raises(SuiteError, match=r'b_seed0: no such file of weights: .*best\.pth \(from'):
        find_checkpoint(run, Place(tmp_path, tmp_path, {}))


def test_minutes_count_the_steps_of_a_stopped_run_once(tmp_path):
    for number, steps in (('1', (10, 20, 30)), ('2', (20, 30, 40))):
        file = tmp_path / number / 'vis_data' / 'scalars.json'
        file.parent.mkdir(parents=True)
        lines = [json.dumps(dict(iter=step, time=6.0, loss=1.0)) for step in steps]
        file.write_text('\n'.join([*lines, json.dumps({'change/f1': 3.0, 'step': 40})]) + '\n')
    with file.open('a') as stream:  # as a full disk leaves it
        stream.write('{"iter": 50, "time": 6.0, "lo')
    assert train_minutes(tmp_path) == 4.0


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The labels of the runs that a suite starts in a folder that holds nothing else."""
    labels = []
    (tmp_path / 'suite.py').write_text(SUITE)
    monkeypatch.chdir(tmp_path)

    def execute(run, place, *, gpu, processes):
        labels.append(run.label)
        return dict(metrics=dict(f1=50.0))

    monkeypatch.setattr('mmcd.suites.execution.execute', execute)
    return labels


@pytest.mark.parametrize('documents', [[], ['--documents']])
def test_a_suite_runs_where_there_is_no_table_to_fill(started, tmp_path, documents):
    (tmp_path / 'README.md').write_text('Of another project.')
    assert main(['suite.py', *documents]) == 0
    assert sorted(started) == ['fc_ef_as_it_is_seed0', 'fc_ef_tiny_seed0']


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ('--documents none.md', ConfigError, r'Cannot read the document none\.md: .*--documents'),
        ('', ResultError, r'Cannot read results/published\.json: .*makes no tables'),
        ('--jobs 0', ConfigError, '--jobs is 1 or more and --gpus 0 or more; got 0 and 0'),
        ('--gpus -1', ConfigError, 'got 1 and -1'),
        ('--gpus 1', ConfigError, '--gpus 1 asks for more GPUs than there are'),
        ('--data-root data/sample', ConfigError, '--data-root takes STATED=FOLDER'),
        (
            '--data-root data/smaple=here data/sample=there',
            ConfigError,
            'no run of the suite states data/smaple; they state data/sample',
        ),
    ],
)
def test_what_a_suite_can_not_end_with_is_told_before_its_runs(
    started, tmp_path, monkeypatch, arguments, error, message
):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    (tmp_path / 'README.md').write_text('<!-- results: tiny -->\n<!-- end of results -->\n')
    if arguments:
        (tmp_path / 'results').mkdir()
        (tmp_path / 'results' / 'published.json').write_text(json.dumps(PUBLISHED))
    with pytest.raises(error, match=message):
        main(['suite.py', *arguments.split()])
    assert not started


@pytest.mark.parametrize(
    ('stated', 'names'),
    [
        (None, ['0', '1']),
        ('4,5', ['4', '5']),
        ('GPU-8932f937, MIG-fa2b7e5e,6', ['GPU-8932f937', 'MIG-fa2b7e5e']),
    ],
)
def test_runs_are_shared_among_the_gpus_that_the_user_was_given(monkeypatch, stated, names):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 4)
    set_visible(monkeypatch, stated)
    assert visible_gpus(2) == names
    assert visible_gpus(0) == []


@pytest.mark.parametrize(
    ('stated', 'message'),
    [
        (None, '--gpus 3 asks for more GPUs than there are: this machine has 2'),
        ('4,5', 'CUDA_VISIBLE_DEVICES=4,5 names 2'),
        ('4,-1,5', 'CUDA_VISIBLE_DEVICES=4,-1,5 names 1'),
        ('', 'CUDA_VISIBLE_DEVICES= names 0'),
    ],
)
def test_more_gpus_than_the_user_was_given_are_refused(monkeypatch, stated, message):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    set_visible(monkeypatch, stated)
    with pytest.raises(ConfigError, match=message):
        visible_gpus(3)


def set_visible(monkeypatch, stated):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if stated is not None:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', stated)


def test_a_process_sees_the_gpu_of_its_run(tmp_path, monkeypatch):
    seen = []

    def run(self, program, *, log, environment):
        seen.append(environment.get('CUDA_VISIBLE_DEVICES'))
        return 0

    monkeypatch.setattr(Processes, 'run', run)
    set_visible(monkeypatch, '4,5')
    for gpu in ('5', None):
        _call(tmp_path, Place(tmp_path, tmp_path, {}), gpu, Processes(), 'train', [])
    assert seen == ['5', '4,5']
