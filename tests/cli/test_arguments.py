from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser

import pytest

from mmcd.cli.arguments import add_run_arguments, parse_cfg_options, with_negative_numbers
from mmcd.cli.commands import map as map_command
from mmcd.errors import ConfigError, SceneError


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        (None, {}),
        ([], {}),
        (['a.b=4'], {'a.b': 4}),
        (['a=0.5', 'b=true', 'c=None', 'd=text'], {'a': 0.5, 'b': True, 'c': None, 'd': 'text'}),
        (['a=[1,2]', 'b=x,y'], {'a': [1, 2], 'b': ['x', 'y']}),
        (['a=[(1,2),(3,4)]'], {'a': [(1, 2), (3, 4)]}),
        (['a=x=y'], {'a': 'x=y'}),
        (['a='], {'a': ''}),
        (['data_root=/data of mine/LEVIR-CD'], {'data_root': '/data of mine/LEVIR-CD'}),
        (['data_root="/data of mine"'], {'data_root': '/data of mine'}),
        (['a=[1, 2]'], {'a': [1, 2]}),
        (['a=1', 'a=2'], {'a': 2}),
    ],
)
def test_words_become_settings(words, expected):
    assert parse_cfg_options(words) == expected


@pytest.mark.parametrize(
    ('words', 'wrong'),
    [(['a=1', 'b'], 'got: b'), (['data_root', '/x'], 'got: data_root /x'), (['=3'], 'got: =3')],
)
def test_words_without_key_or_value_are_named(words, wrong):
    with pytest.raises(ConfigError, match=rf'takes KEY=VALUE, such as .* but {wrong}\.'):
        parse_cfg_options(words)


def test_brackets_that_do_not_match():
    with pytest.raises(ConfigError, match=r'cannot read a=\[1,2: .*rackets'):
        parse_cfg_options(['b=1', 'a=[1,2'])


def test_options_of_mmsegmentation_s_users():
    parser = ArgumentParser()
    add_run_arguments(parser)
    args = parser.parse_args(
        ['--work-dir', 'w', '--amp', '--launcher', 'slurm', '--cfg-options', 'a=1', 'b=2']
    )
    assert (args.work_dir, args.amp, args.launcher) == ('w', True, 'slurm')
    assert args.cfg_options == ['a=1', 'b=2']
    default = parser.parse_args([])
    assert (default.work_dir, default.amp, default.launcher) == (None, False, 'none')
    assert default.cfg_options is None and default.trust_checkpoint is False


def test_importing_it_loads_nothing_of_the_stack():
    loaded = ['torch', 'mmengine']
    code = f'import sys, mmcd.cli.arguments; sys.exit(any(m in sys.modules for m in {loaded}))'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


@pytest.mark.parametrize(
    'numbers', [['-inf', 'inf'], ['-10', '20'], ['-1e3', '-2.5e-1'], ['nan', '-nan']]
)
def test_negative_numbers_are_values(numbers):
    parser = ArgumentParser()
    parser.add_argument('--range', type=float, nargs=2)
    parser.add_argument('-i', action='store_true')
    args = parser.parse_args(with_negative_numbers(['--range', *numbers, '-i']))
    assert [repr(value) for value in args.range] == [repr(float(word)) for word in numbers]
    assert args.i


def test_a_value_range_without_bounds_is_told_plainly():
    words = ['a.tif', 'b.tif', '--out', 'c.tif', '--value-range', '-inf', 'inf']
    with pytest.raises(SceneError, match=r'value range: two finite values, .*, not -inf inf'):
        map_command.main(words)
