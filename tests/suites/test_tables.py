"""Tables from result files, and between the markers of documents."""

from pathlib import Path

import pytest

from mmcd.errors import ResultError
from mmcd.suites.tables import fill_in, make_table, read_published, read_results
from tests.suites.results_files import PUBLISHED, record_of, write_results

ROOT = Path(__file__).resolve().parents[2]


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_a_row_has_the_mean_and_the_deviation_of_its_seeds():
    records = [record_of(f1=f1, seed=seed) for seed, f1 in enumerate((48.0, 50.0, 52.0))]
    row = cells(make_table('tiny', records, PUBLISHED).splitlines()[2])
    assert row == [
        'Network (`row`)', '50.0 ± 2.0', '', '60.0 ± 2.0', '40.0 ± 2.0', '0, 1, 2', '1.35 M',
        '2.50 G', '800 × 8', '10',
    ]  # fmt: skip


@pytest.mark.parametrize('key', ['config_sha256', 'start_sha256'])
def test_results_of_several_configs_have_no_mean(key):
    records = [record_of(seed=seed, start_sha256='0') for seed in (0, 1, 2)]
    del records[2]['run']['start_sha256']  # as results of before it was noted
    make_table('tiny', records, PUBLISHED)
    records[1]['run'][key] = 'other'
    with pytest.raises(ResultError, match=r'of row mix several configs and cannot be averaged'):
        make_table('tiny', records, PUBLISHED)


def test_the_threshold_of_the_validation_split_has_a_column_where_all_seeds_have_it():
    tuned = [
        record_of(seed=seed, tuned=dict(threshold=0.3, validation_f1=60.0, f1=f1))
        for seed, f1 in enumerate((53.0, 55.0))
    ]
    column = make_table('tiny', tuned, PUBLISHED).splitlines()
    assert cells(column[0])[2] == "F1, validation's threshold"
    assert cells(column[2])[1:3] == ['50.0 ± 0.0', '54.0 ± 1.4']
    other = [*tuned, record_of(seed=2)]
    assert cells(make_table('tiny', other, PUBLISHED).splitlines()[2])[2] == ''


def test_one_seed_has_no_deviation_and_a_run_without_training_no_minutes():
    row = cells(make_table('tiny', [record_of(steps=None)], PUBLISHED).splitlines()[2])
    assert row[1] == '50.0' and row[-2:] == ['none here', '']


def test_rows_come_by_their_f1_and_published_ones_after_them_with_their_source():
    records = [record_of('low', f1=20), record_of('high', f1=70), record_of('x', benchmark='other')]
    lines = make_table('tiny', records, PUBLISHED).splitlines()[2:]
    assert [cells(line)[0] for line in lines] == [
        'Network (`high`)', 'Network (`low`)', 'Theirs, published: a paper',
    ]  # fmt: skip
    assert cells(lines[-1])[1] == '57.9'


def test_documents_are_filled_between_their_markers_only():
    text = 'before\n<!-- results: tiny -->\nformer\n<!-- end of results -->\nafter 50.0\n'
    filled = fill_in(text, [record_of()], PUBLISHED)
    assert filled.startswith('before\n<!-- results: tiny -->\n| network')
    assert filled.endswith('|\n<!-- end of results -->\nafter 50.0\n')
    assert 'former' not in filled
    assert fill_in(filled, [record_of()], PUBLISHED) == filled


def test_a_table_of_an_unknown_benchmark_is_refused():
    with pytest.raises(ResultError, match='no benchmark other; it has tiny'):
        make_table('other', [], PUBLISHED)


def test_a_result_that_no_suite_wrote_is_refused(tmp_path):
    record = record_of()
    write_results(tmp_path, record)
    assert read_results(tmp_path) == [record]
    write_results(tmp_path, {**record_of('other')} | {'run': record_of('other')['run']})
    path = tmp_path / 'other_seed0.json'
    path.write_text(path.read_text().replace('"run"', '"ran"'))
    with pytest.raises(ResultError, match=r'other_seed0\.json is no result of a suite'):
        read_results(tmp_path)


@pytest.mark.parametrize('document', ['README.md', 'docs/results.md'])
def test_the_tables_in_the_documents_are_those_of_the_result_files(document):
    text = (ROOT / document).read_text(encoding='utf-8')
    assert '<!-- results: ' in text
    records, published = read_results(ROOT / 'results'), read_published(ROOT / 'results')
    assert fill_in(text, records, published) == text, (
        'Run python tools/benchmark.py configs/suites/small.py --tables'
    )


def test_result_files_hold_no_path_of_a_machine():
    for path in (ROOT / 'results').glob('*.json'):
        assert not any(mark in path.read_text() for mark in ('": "/', '/home/', '/tmp/')), path
