"""Suites as files, and what is chosen of them."""

from pathlib import Path

import pytest

from mmcd.apis import list_configs
from mmcd.errors import ConfigError
from mmcd.suites.suite import read_suite, select
from mmcd.suites.tables import read_published

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / 'configs' / 'suites' / 'small.py'


def write(tmp_path, text):
    path = tmp_path / 'suite.py'
    path.write_text(text)
    return path


def test_our_suite_names_configs_and_benchmarks_that_there_are():
    runs = read_suite(SMALL)
    assert {run.config for run in runs} <= set(list_configs())
    assert {run.benchmark for run in runs} <= set(read_published(ROOT / 'results'))


def test_each_seed_is_a_run(tmp_path):
    path = write(tmp_path, "runs = [dict(config='a', benchmark='b', title='A', seeds=[3, 4])]")
    assert [run.label for run in read_suite(path)] == ['a_seed3', 'a_seed4']


def test_rows_and_seeds_can_be_chosen_also_seeds_that_the_suite_does_not_state():
    runs = read_suite(SMALL)
    chosen = select(runs, ['fc_ef_oscd'], [0, 7])
    assert [run.label for run in chosen] == ['fc_ef_oscd_seed0', 'fc_ef_oscd_seed7']
    assert select(runs, None, None) == runs
    # One that trains nothing would come out alike.
    (alone,) = select(runs, ['buildings_sztaki_szada'], [3, 4])
    assert alone.seed == 0
    with pytest.raises(ConfigError, match='no row fc_oscd; its rows are fc_ef_oscd'):
        select(runs, ['fc_oscd'], None)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('rows = []', 'states runs = '),
        ("runs = [dict(config='a')]", 'missing 2 required'),
        ("runs = [dict(config='a', benchmark='b', title='A', seed=[1])]", 'is no suite'),
        ("runs = [dict(config='a', benchmark='b', title='A', checkpoint='x')]", "'best' or 'last'"),
        ("runs = [dict(config='a', benchmark='b', title=titel)]", "'titel' is not defined"),
        ("raise RuntimeError('why')", 'is no suite: why'),
        (
            "runs = [dict(config='a', benchmark='b', title='A', weights='darnet')]",
            r"a file \(with its ending\), one of buildings, or ROW/seedN/best .*, not 'darnet'",
        ),
        (
            "runs = [dict(config='a', benchmark='b', title='A', weights='b/0/best')]",
            "not 'b/0/best'",
        ),
        ("runs = 2 * [dict(config='a', benchmark='b', title='A')]", 'states runs twice: a_seed0'),
    ],
)
def test_what_is_no_suite_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_suite(write(tmp_path, text))


def test_a_missing_suite_is_told():
    with pytest.raises(ConfigError, match=r'No such suite: nowhere\.py'):
        read_suite('nowhere.py')


@pytest.mark.parametrize(
    ('weights', 'source'),
    [
        (None, None),
        ('buildings', None),
        ('folder/best.pth', None),
        ('slim_0.1/seed12/best', ('slim_0.1', 'seed12', 'best')),
        ('slim/seed0/last', ('slim', 'seed0', 'last')),
    ],
)
def test_weights_are_a_file_a_network_of_ours_or_those_of_a_run(tmp_path, weights, source):
    text = f"runs = [dict(config='a', benchmark='b', title='A', weights={weights!r})]"
    (run,) = read_suite(write(tmp_path, text))
    assert run.source == source
