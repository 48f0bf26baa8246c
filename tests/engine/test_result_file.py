"""A test run and its record, in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.runner import Runner

from mmcd.engine.inference_swap import use_predictor
from mmcd.engine.protocol import describe_protocol, hash_config
from mmcd.engine.result_file import change_metric_of, check_result_path, write_result
from mmcd.errors import ConfigError, FileWriteError
from mmcd.evaluation.record import read_record
from tests.engine.tiny_run import tiny_config


@pytest.fixture
def tested(tiny_levir: Path, tmp_path: Path) -> tuple[Runner, dict]:
    runner = Runner.from_cfg(tiny_config(tiny_levir, tmp_path / 'work'))
    use_predictor(runner)
    checkpoint = tmp_path / 'model.pth'
    checkpoint.write_bytes(b'weights')
    protocol = describe_protocol(
        runner,
        config='configs/darnet_sample.py',
        checkpoint=str(checkpoint),
        checkpoint_meta=dict(seed=28),
    )
    return runner, protocol | dict(printed=runner.test())


def test_the_record_of_a_run(tested: tuple[Runner, dict], tiny_levir: Path, tmp_path: Path) -> None:
    runner, protocol = tested
    write_result(tmp_path / 'result.json', runner, protocol)
    record = read_record(tmp_path / 'result.json')
    printed = protocol['printed']
    assert {f'change/{key}': value for key, value in record['metrics'].items()} == printed
    assert [image['before'] for image in record['images']] == [
        f'test/A/test_{number}.png' for number in (1, 2)
    ]
    for image in record['images']:
        assert all((tiny_levir / image[key]).is_file() for key in ('before', 'after', 'label'))
        assert sum(image['counts'].values()) == 64 * 64
    found = record['protocol']
    expected = dict(
        dataset='BitemporalDataset',
        data_root=str(tiny_levir),
        split='test',
        images=2,
        mode='whole',
        window=None,
        threshold=0.5,
        threshold_origin='default',
        tta=None,
        precision='float32',
        form='restructured',
        seed=28,
        device='cpu',
        processes=1,
    )
    assert {key: found[key] for key in expected} == expected
    for key in ('config', 'checkpoint', 'weights', 'file_list', 'labels'):
        assert len(found[f'{key}_sha256']) == 64
    assert {'python', 'torch', 'numpy'} <= found['stack'].keys()


def test_the_config_s_hash_is_of_what_it_says(tiny_levir: Path, tmp_path: Path) -> None:
    one, two = (tiny_config(tiny_levir, tmp_path / name) for name in 'ab')
    two.randomness.seed = 1
    assert hash_config(one) == hash_config(two)
    two.model.threshold = 0.3
    assert hash_config(one) != hash_config(two)


def test_a_run_without_the_metric_is_refused(tiny_levir: Path, tmp_path: Path) -> None:
    cfg = tiny_config(tiny_levir, tmp_path / 'work')
    cfg.test_evaluator = dict(type='mmseg.IoUMetric')
    with pytest.raises(ConfigError, match='test_evaluator has IoUMetric'):
        change_metric_of(Runner.from_cfg(cfg))


def test_paths_that_cannot_be_written_are_said_first(tmp_path: Path) -> None:
    check_result_path(tmp_path / 'new' / 'r.json')
    assert (tmp_path / 'new').is_dir()
    with pytest.raises(FileWriteError, match=r'it is the name of a folder\. Name a file'):
        check_result_path(tmp_path)
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match=r'Cannot write .*file.r\.json: '):
        check_result_path(tmp_path / 'file' / 'r.json')
