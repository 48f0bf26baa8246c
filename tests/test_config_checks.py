from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mmcd.config import list_configs, load_config
from mmcd.config_checks import _loss_faults, check_config, schedule_warning
from mmcd.errors import ConfigError

SAMPLE = Path(__file__).resolve().parents[1] / 'configs' / 'darnet_sample.py'


@pytest.mark.parametrize(
    ('key', 'said'),
    [
        ('max_iters', r'variable of the config file.*Did you mean train_cfg\.max_iters'),
        ('max_iter', r'Did you mean train_cfg\.max_iters'),
        ('a.b.c', r'Nothing reads the setting a\.b\.c\. The settings are .*train_cfg'),
        ('my_note', r'Nothing reads the setting my_note'),
        ('train_pipeline', r'variable of the config file'),
        ('batch_size', r'Did you mean train_dataloader\.batch_size'),
        ('train_dataloader.batch_sizes', r'Did you mean train_dataloader\.batch_size\?'),
        ('randomness.sede', r'Did you mean randomness\.seed\?'),
        ('env_cfg.foo', r'Nothing reads the setting env_cfg\.foo\. Known are cudnn_benchmark'),
        ('launcher', r'give --launcher'),
        ('resume', r'give --resume'),
    ],
)
def test_a_setting_that_nothing_reads(key, said):
    with pytest.raises(ConfigError, match=said):
        load_config(SAMPLE, {key: 5})


def test_a_file_may_have_variables_of_its_own(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = '{SAMPLE}'\nmy_width = 4\nnotes = dict(a=dict(b='x'))\n")
    config = load_config(path, {'train_cfg.max_iters': 5})
    assert config.my_width == 4
    check_config(config)
    with pytest.raises(ConfigError, match=r'my_width.*It is a variable.*Change it in a copy'):
        load_config(path, {'my_width': 5})


WRONG = {
    'data_root': [(5, r'dataset\.data_root=5: expected str')],
    'train_cfg.max_iters': [
        (value, r'train_cfg\.max_iters=.*whole number of at least 1') for value in ('abc', 1.5, 0)
    ],
    'train_cfg.val_interval': [(0, 'whole number of at least 1')],
    'mixed_precision': [('foo', 'True or False')],
    'strict_loading': [('foo', 'True or False')],
    'val_dataloader.persistent_workers': [('abc', 'True or False')],
    'train_cfg.type': [('Foo', r"train_cfg\.type: there is no loop 'Foo'")],
    'train_dataloader.batch_size': [(value, 'at least 1') for value in (0, -1, 'abc')],
    'train_dataloader.num_workers': [(value, '0 or more') for value in (-1, 'abc')],
    'train_dataloader.dataset.foo': [(1, r"LEVIRCDDataset takes no 'foo'|BitemporalDataset takes")],
    'train_dataloader.sampler.shufle': [(1, r"takes no 'shufle'. Did you mean shuffle\?")],
    'optim_wrapper.optimizer.lr': [
        (value, r'lr=.*finite number') for value in (-1, float('nan'), 'abc')
    ],
    'optim_wrapper.optimizer.type': [('Foo', "there is no optimizer 'Foo'")],
    'optim_wrapper.foo': [(1, r"OptimWrapper takes no 'foo'")],
    'model.backbone.base_channels': [('abc', r'base_channels=.abc.: expected int')],
    'model.backbone.type': [('UNetEncodr', r'Did you mean UNetEncoder\?')],
    'model.test_cfg.mode': [
        (mode, r"dict\(mode='slide', crop_size") for mode in ('slide', 'tiles')
    ],
    'model.foo': [(1, r"SiameseEncoderDecoder takes no 'foo'")],
    'model': [(1, r'model=1: expected a dict')],
    'randomness.seed': [(value, 'from 0 to 4294967295') for value in ('abc', -1, 1e30)],
    'default_hooks.logger.interval': [(0, 'at least 1'), ('x', 'at least 1')],
    'default_hooks.logger.intervall': [(5, r'Did you mean interval\?')],
    'default_scope': [('nowhere', 'installed package')],
    'env_cfg': [(3, 'expected a dict')],
    'val_evaluator.type': [('Foo', "there is no metric 'Foo'")],
    'log_level': [('FOO', 'one of DEBUG')],
    'param_scheduler': [(3, 'param_scheduler=3: expected a dict')],
    'custom_hooks': [(3, 'custom_hooks=3: expected a dict')],
    'stage_from': [(5, 'a work dir or a checkpoint file')],
    'work_dir': [('', 'expected a folder')],
}


@pytest.mark.parametrize(
    ('key', 'value', 'said'),
    [(key, value, said) for key, cases in WRONG.items() for value, said in cases],
)
def test_a_value_of_the_wrong_kind(key, value, said):
    config = load_config(SAMPLE)
    config.merge_from_dict({key: value})
    if key == 'data_root':
        config = load_config(SAMPLE, {key: value})
    with pytest.raises(ConfigError, match=said) as caught:
        check_config(config)
    assert str(caught.value).startswith('The config cannot be used:\n  ')


def test_all_faults_are_told_together():
    config = load_config(SAMPLE)
    config.model.foo = 1
    config.model.backbone.bar = 2
    config.default_hooks.timer.baz = 3
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    assert re.findall(r'no .(\w+).\.', str(caught.value)) == ['foo', 'bar', 'baz']


@pytest.mark.parametrize(
    'name', [n for n in list_configs() if not n.endswith(('_refine', 'cross'))]
)
def test_own_configs_pass(name):
    check_config(load_config(name))


def test_types_are_looked_up_in_the_config_s_scope():
    """MMSegmentation's DiceLoss takes other arguments than ours."""
    loss = dict(type='DiceLoss', naive_dice=True)
    model = dict(type='EncoderDecoder', decode_head=dict(type='FCNHead', loss_decode=loss))
    check_config(Config(dict(default_scope='mmseg', model=model)))
    with pytest.raises(ConfigError, match=r"DiceLoss takes no 'naive_dice'"):
        check_config(Config(dict(default_scope='mmcd', model=model)))


@pytest.mark.parametrize(
    'good',
    [
        dict(optim_wrapper=dict(type='AmpOptimWrapper', loss_scale=512.0)),
        dict(visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])),
        dict(param_scheduler=[dict(type='CosineAnnealingLR', eta_min_ratio=0.01)]),
        dict(custom_hooks=[dict(type='NonFiniteLossHook', priority='LOW')]),
        dict(model=dict(type='mmseg.EncoderDecoder', backbone=dict(type='mmpretrain.ResNet'))),
        dict(train_dataloader=dict(num_batch_per_epoch=3, prefetch_factor=2)),
    ],
)
def test_what_the_stack_takes_beyond_its_annotations(good):
    check_config(Config(dict(default_scope='mmcd', **good)))


@pytest.mark.parametrize('scope', ['', 'mmseg.'])
def test_class_weights_beside_what_fails_with_them(scope):
    loss = dict(type=f'{scope}CrossEntropyLoss', class_weight=[1.0, 3.0], avg_non_ignore=True)
    config = load_config(SAMPLE, {'model.decode_head.loss_decode': [loss]})
    with pytest.raises(ConfigError, match=r'loss_decode\.0\.avg_non_ignore=True: .*ignore=False'):
        check_config(config)
    check_config(load_config(SAMPLE, {'model.decode_head.loss_decode.0.class_weight': None}))


@pytest.mark.parametrize('change', [dict(reduction='sum'), dict(type='mmdet.CrossEntropyLoss')])
def test_class_weights_where_nothing_fails(change):
    loss = dict(type='CrossEntropyLoss', class_weight=[1.0, 3.0], avg_non_ignore=True)
    assert list(_loss_faults([loss | change], 'loss')) == []


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({}, ''),
        ({'train_cfg.max_iters': 900}, r'after 900 .* 600: the rest is trained at its last rate'),
        ({'train_cfg.max_iters': 50}, r'after 600: it is cut short.*cfg-options .*\.1\.end=50$'),
        ({'train_cfg.max_iters': 50, 'param_scheduler.1.end': 50}, ''),
        ({'train_cfg.max_iters': 50, 'param_scheduler': []}, ''),
    ],
)
def test_a_schedule_that_does_not_end_with_the_training(options, said):
    warning = schedule_warning(load_config('upernet_r18_sample', options))
    assert bool(warning) == bool(said) and re.search(said, warning)


@pytest.mark.parametrize('name', list_configs())
def test_schedules_of_our_own_configs_end_with_their_trainings(name):
    assert schedule_warning(load_config(name)) == ''
