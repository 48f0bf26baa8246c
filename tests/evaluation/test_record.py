from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmcd.errors import ResultError
from mmcd.evaluation import change_ratios, sum_counts
from mmcd.evaluation.bootstrap import Bootstrap
from mmcd.evaluation.confusion import change_counts
from mmcd.evaluation.record import SCHEMA, make_record, read_record, write_record
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from tests.evaluation.counted_images import counted_image, random_images

QUICK = Bootstrap(resamples=99)


def test_a_record_holds_global_figures_and_every_image() -> None:
    images = random_images(6)
    record = make_record(images[::-1], BINARY_CHANGE, dict(split='test'), bootstrap=QUICK)
    counts = [change_counts(image.confusion) for image in images]
    assert record['metrics'] == change_ratios(sum_counts(counts))
    assert [image['name'] for image in record['images']] == [f'test_{i}' for i in range(6)]
    for image, count in zip(record['images'], counts, strict=True):
        assert image['counts'] == count._asdict()
        assert {key: image[key] for key in record['metrics']} == change_ratios(count)
    assert record['intervals'].keys() == record['metrics'].keys()
    for key, (low, high) in record['intervals'].items():
        assert low < record['metrics'][key] < high
    assert (record['bootstrap']['unit'], record['bootstrap']['units']) == ('image', 6)
    assert record['protocol']['images'] == 6 and record['protocol']['split'] == 'test'


def test_crops_count_as_their_tile() -> None:
    crops = random_images(8, name='tile_1_0000_{:04d}') + random_images(
        8, name='tile_2_0000_{:04d}'
    )
    record = make_record(crops, BINARY_CHANGE, {}, bootstrap=QUICK)
    assert (record['bootstrap']['unit'], record['bootstrap']['units']) == ('source image', 2)
    assert {image['source'] for image in record['images']} == {'tile_1', 'tile_2'}
    one = make_record(crops[:8], BINARY_CHANGE, {}, bootstrap=QUICK)
    assert one['intervals'] == {} and 'cut from one' in one['bootstrap']['missing']
    by_name = make_record(
        crops, BINARY_CHANGE, {}, bootstrap=QUICK, source_pattern='(tile_._0000_000.)'
    )
    assert by_name['bootstrap']['units'] == 16


def test_several_classes() -> None:
    classes = ChangeClasses.of_number(3)
    record = make_record(random_images(5, classes=3), classes, {}, bootstrap=QUICK)
    assert record['intervals'].keys() == record['metrics'].keys() >= {'miou', 'f1_change_2', 'f1'}
    assert np.shape(record['images'][0]['confusion']) == (3, 3)


def test_a_dead_model_gives_zero() -> None:
    images = [counted_image(name, [[100, 0], [7, 0]]) for name in 'abc']
    record = make_record(images, BINARY_CHANGE, {}, bootstrap=QUICK)
    assert record['metrics']['f1'] == 0 and record['intervals']['f1'] == [0, 0]


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    record = make_record(random_images(3), BINARY_CHANGE, dict(seed=None), bootstrap=QUICK)
    write_record(tmp_path / 'r.json', record)
    assert read_record(tmp_path / 'r.json') == json.loads(json.dumps(record))
    assert [path.name for path in tmp_path.iterdir()] == ['r.json']


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('{', 'is no result of mmcd'),
        ('[1]', 'is no result of mmcd'),
        ('{"metrics": 1}', 'is no result of mmcd .*schema'),
        (json.dumps(dict(schema=SCHEMA + 1, metrics={}, intervals={}, images=[], protocol={})),
         r'of schema 2, of which this mmcd reads up to 1\. Update mmcd'),
        ('{"schema": 1, "metrics": {}}', 'it lacks images, intervals, protocol'),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / 'r.json'
    path.write_text(content)
    with pytest.raises(ResultError, match=said):
        read_record(path)
    with pytest.raises(ResultError, match=r'No such result: .*none\.json'):
        read_record(tmp_path / 'none.json')
