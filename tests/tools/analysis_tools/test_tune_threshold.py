"""A threshold from the tool to the test that uses it, and to the test that must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model
from mmcd.cli.commands import test as test_command
from mmcd.cli.commands.tune import main
from mmcd.errors import ConfigError, FileWriteError
from mmcd.io.checkpoints import read_checkpoint
from tests.engine.tiny_run import tiny_config
from tests.export.models import with_random_statistics


def test_from_the_tool_to_the_test(
    tiny_levir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What a training started from is nothing to a test of what it ended with.
    cfg = tiny_config(tiny_levir, tmp_path / 'work', load_from=str(tmp_path / 'start.pth'))
    config, checkpoint, out = (str(tmp_path / n) for n in ('config.py', 'model.pth', 'tuned.pth'))
    cfg.dump(config)
    torch.manual_seed(0)
    model = with_random_statistics(init_model(cfg))
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    main([config, checkpoint, '--out', out])
    tuned = read_checkpoint(out)['meta']['mmcd']['threshold']
    assert f'Threshold {tuned["value"]:g}: F1 {tuned["score"]:.2f} on the val' in (
        capsys.readouterr().out
    )
    assert 'meta' not in read_checkpoint(checkpoint)

    result = tmp_path / 'result.json'
    options = ['--result', str(result), '--exchange-gap', '--tta', 'd4']
    test_command.main([config, out, *options])
    record = json.loads(result.read_text())
    protocol = record['protocol']
    assert (protocol['threshold'], protocol['threshold_origin']) == (tuned['value'], 'tuned')
    assert protocol['threshold_tuning'] == tuned and protocol['tta'] == 'd4'
    assert record['metrics']['exchange_gap'] > 0
    val = ['--cfg-options', 'test_dataloader.dataset.split=val']
    with pytest.raises(
        ConfigError, match=r'was tuned on these very files \(BitemporalDataset, val'
    ):
        test_command.main([config, out, *val])
    # A person's own threshold may be tried anywhere.
    test_command.main([config, out, *val, 'model.threshold=0.5'])


@pytest.mark.parametrize(
    ('options', 'precision'), [(['--amp'], 'bfloat16'), (['--amp', '--precision', 'float32'], None)]
)
def test_mixed_precision_is_what_the_threshold_is_tuned_in(
    tiny_levir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options, precision
) -> None:
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    cfg = tiny_config(tiny_levir, tmp_path / 'work')
    config, checkpoint = (str(tmp_path / n) for n in ('config.py', 'model.pth'))
    cfg.dump(config)
    model = with_random_statistics(init_model(cfg))
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    main([config, checkpoint, *options])
    tuned = read_checkpoint(checkpoint)['meta']['mmcd']['threshold']
    assert tuned['precision'] == (precision or 'float32')


def test_a_file_that_cannot_be_written_is_told_before_the_work(
    tiny_levir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny_config(tiny_levir, tmp_path / 'work')
    config, checkpoint = (str(tmp_path / n) for n in ('config.py', 'model.pth'))
    cfg.dump(config)
    torch.save(dict(state_dict={}), checkpoint)
    monkeypatch.setattr('mmcd.engine.threshold_tuning.tune_threshold', pytest.fail)
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match=r'^Cannot write .*tuned\.pth'):
        main([config, checkpoint, '--out', str(tmp_path / 'file' / 'tuned.pth')])
