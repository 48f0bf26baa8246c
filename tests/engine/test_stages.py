from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmcd.engine import LoadStageHook
from mmcd.engine.stages import find_best_checkpoint, load_stage, prepare_start, without_start
from mmcd.errors import CheckpointError
from tests.models.building import build_model

STAGES = ['prx_sample.py', 'prx_sample_refine.py', 'prx_sample_cross.py']


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr('mmcd.engine.stages.print_log', lambda text, **_: lines.append(text))
    return lines


def save(model, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, path)
    return path


def hooks(cfg):
    return {hook['type'].removeprefix('mmcd.'): hook for hook in cfg.custom_hooks}


def run_config(tmp_path, **options):
    init = dict(type='Pretrained', checkpoint='somewhere.pth')
    model = dict(backbone=dict(type='X', init_cfg=init))
    return Config(dict(work_dir=str(tmp_path / 'run'), model=model, resume=False, **options))


@pytest.mark.parametrize(('before', 'after', 'new'), [(0, 1, 'refinement'), (1, 2, 'cross_att')])
def test_a_stage_takes_over_all_that_the_one_before_has(tmp_path, log, before, after, new):
    earlier, model = build_model(STAGES[before]), build_model(STAGES[after])
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    load_stage(model, save(earlier, tmp_path / 'earlier.pth'))
    taken = earlier.state_dict()
    added = [name for name in fresh if name not in taken]
    for name, value in model.state_dict().items():
        assert torch.equal(value, taken.get(name, fresh[name])), name
    assert added and all(new in name for name in added)
    (text,) = log
    assert f'{len(taken)} of {len(fresh)} tensors loaded, none left over, {len(added)} new' in text
    assert all(f'\n  {name}' in text for name in added)


def test_the_same_stage_again_is_fine(tmp_path, log):
    model = build_model(STAGES[2])
    load_stage(model, save(build_model(STAGES[2]), tmp_path / 'same.pth'))
    assert ' 0 new\n' in log[0]


def without(model, *names):
    return {name: value for name, value in model.state_dict().items() if name not in names}


@pytest.mark.parametrize(
    ('state_dict', 'message'),
    [
        (lambda: without(build_model(STAGES[0]), 'backbone.conv1.weight'), r'1 missing:\n.*conv1'),
        (lambda: dict(without(build_model(STAGES[0])), more=torch.ones(1)), r'1 unknown:\n  more'),
        (lambda: without(build_model(STAGES[2])), r'unknown:\n.*cross_attention'),
        (
            lambda: dict(
                without(build_model(STAGES[0])), **{'backbone.conv1.weight': torch.ones(2)}
            ),
            r'1 of another shape:\n  backbone\.conv1\.weight: \(2,\), expected \(16, 3, 7, 7\)',
        ),
    ],
    ids=['missing', 'unknown', 'later stage', 'shape'],
)
def test_all_but_the_new_modules_must_fit(tmp_path, state_dict, message):
    torch.save(state_dict(), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=message):
        load_stage(build_model(STAGES[1]), tmp_path / 'other.pth')


def test_a_head_without_stages_must_fit_as_a_whole(tmp_path):
    model = build_model('darnet_sample.py')
    torch.save(without(model, 'decode_head.decoder.classify.1.bias'), tmp_path / 'less.pth')
    with pytest.raises(CheckpointError, match=r'new modules \(none\).*\n1 missing'):
        load_stage(model, tmp_path / 'less.pth')


def test_the_newest_best_checkpoint_is_taken(tmp_path):
    for age, name in enumerate(['best_change_f1_iter_900.pth', 'best_change_f1_iter_1000.pth']):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / 'iter_2000.pth').touch()
    assert find_best_checkpoint(tmp_path).name == 'best_change_f1_iter_900.pth'
    assert find_best_checkpoint(tmp_path / 'iter_2000.pth').name == 'iter_2000.pth'


@pytest.mark.parametrize(('name', 'message'), [('', 'holds none'), ('no', 'is not there')])
def test_a_stage_that_left_nothing_is_named(tmp_path, name, message):
    (tmp_path / 'iter_2000.pth').touch()
    with pytest.raises(CheckpointError, match=rf'{message}.*stage_from=PATH'):
        find_best_checkpoint(tmp_path / name)


def test_a_stage_replaces_the_pretrained_weights(tmp_path):
    best = save(build_model(STAGES[0]), tmp_path / 'first' / 'best_change_f1_iter_4.pth')
    cfg = run_config(tmp_path, stage_from=str(best.parent))
    prepare_start(cfg)
    assert hooks(cfg)['LoadStageHook']['checkpoint'] == str(best)
    assert 'init_cfg' not in cfg.model.backbone


def test_without_a_stage_before_the_pretrained_weights_stay(tmp_path):
    cfg = run_config(tmp_path)
    prepare_start(cfg)
    assert 'RunCompletionHook' in hooks(cfg) and 'LoadStageHook' not in hooks(cfg)
    assert cfg.model.backbone.init_cfg.checkpoint == 'somewhere.pth'


def test_resuming_goes_on_from_the_run_and_not_from_what_it_started_with(tmp_path):
    start = save(build_model(STAGES[1]), tmp_path / 'others.pth')
    cfg = run_config(tmp_path)
    cfg.load_from, cfg.resume = str(start), True
    prepare_start(cfg)  # as a scheduler does that always says --resume
    assert (cfg.load_from, cfg.resume) == (str(start), False)
    (tmp_path / 'run').mkdir()
    first, last = (
        save(build_model(STAGES[1]), tmp_path / 'run' / f'iter_{number}.pth') for number in (2, 4)
    )
    (tmp_path / 'run' / 'last_checkpoint').write_text(last.name)
    for stated, taken in ((start, last), (first, first)):
        cfg.load_from, cfg.resume = str(stated), True
        prepare_start(cfg)
        assert (cfg.load_from, cfg.resume) == (str(taken), True)


def test_resuming_comes_before_the_stage_before(tmp_path):
    cfg = run_config(tmp_path, stage_from='nowhere')
    cfg.resume = True
    with pytest.raises(CheckpointError, match='nowhere'):
        prepare_start(cfg)  # nothing to resume from yet
    (tmp_path / 'run').mkdir()
    save(build_model(STAGES[1]), tmp_path / 'run' / 'iter_4.pth')
    (tmp_path / 'run' / 'last_checkpoint').write_text('iter_4.pth')
    cfg.resume = True
    prepare_start(cfg)
    assert 'LoadStageHook' not in hooks(cfg)
    assert 'init_cfg' not in cfg.model.backbone
    cfg.resume = False  # the user wants to start anew
    with pytest.raises(CheckpointError, match='nowhere'):
        prepare_start(cfg)


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('building', 'No such checkpoint: building .*a network that comes with mmcd: buildings'),
        ('{}/best.pth', r'No such checkpoint: .*That folder holds best_change_f1\.pth'),
        ('{}/starts.safetensors', r'That folder holds start\.safetensors'),
        ('{}/none/best.pth', 'There is no folder .*none either'),
    ],
)
def test_weights_that_are_not_there_are_named_before_anything_is_built(tmp_path, name, said):
    for file in ('best_change_f1.pth', 'start.safetensors', 'notes.txt'):
        (tmp_path / file).touch()
    cfg = run_config(tmp_path)
    cfg.load_from = name.format(tmp_path)
    with pytest.raises(CheckpointError, match=said):
        prepare_start(cfg)


def test_the_name_of_a_network_that_comes_with_mmcd_is_a_start(tmp_path):
    cfg = run_config(tmp_path)
    cfg.load_from = 'buildings'
    prepare_start(cfg)
    assert 'StartValidationHook' in hooks(cfg)


def test_the_hook_loads_when_training_starts(tmp_path, log):
    model, earlier = build_model(STAGES[1]), build_model(STAGES[0])
    checkpoint = save(earlier, tmp_path / 'best.pth')
    LoadStageHook(checkpoint=str(checkpoint)).before_train(SimpleNamespace(model=model))
    assert torch.equal(model.backbone.conv1.weight, earlier.backbone.conv1.weight)


def test_the_hook_leaves_a_resumed_run_alone(tmp_path):
    model, earlier = build_model(STAGES[1]), build_model(STAGES[0])
    before = model.backbone.conv1.weight.clone()
    hook = LoadStageHook(checkpoint=str(save(earlier, tmp_path / 'best.pth')))
    hook.before_train(SimpleNamespace(model=model, _resume=True))
    assert torch.equal(model.backbone.conv1.weight, before)


def test_what_a_run_leaves_starts_as_it_did_itself(tmp_path):
    save(build_model(STAGES[0]), tmp_path / 'best_change_f1_iter_1.pth')
    cfg = run_config(tmp_path, stage_from=str(tmp_path))
    prepare_start(cfg)
    assert 'LoadStageHook' in hooks(cfg)
    left = without_start(cfg)
    assert 'LoadStageHook' not in hooks(left) and left.stage_from == str(tmp_path)
    assert 'LoadStageHook' in hooks(cfg)

    cfg.update(resume=True, load_from=f'{cfg.work_dir}/iter_4.pth')
    left = without_start(cfg)
    assert (left.resume, left.load_from) == (False, None)
    cfg.load_from = str(tmp_path / 'elsewhere' / 'best.pth')
    assert without_start(cfg).load_from == cfg.load_from


def test_early_stopping_counts_before_the_checkpoint_is_written(tmp_path):
    cfg = run_config(tmp_path)
    cfg.custom_hooks = [dict(type='EarlyStoppingHook', monitor='change/f1')]
    prepare_start(cfg)
    (hook,) = [hook for hook in cfg.custom_hooks if hook.type == 'EarlyStoppingHook']
    assert hook.priority == 'LOW'
