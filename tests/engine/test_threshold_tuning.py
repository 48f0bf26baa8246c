from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from torch import distributed
from torch import multiprocessing as mp

from mmcd.apis import init_model, predict_pair
from mmcd.engine.inference_swap import innermost, use_predictor
from mmcd.engine.threshold_tuning import (
    check_tuning,
    hash_dataset_files,
    prepare_tuning,
    tune_threshold,
    write_threshold,
)
from mmcd.errors import CheckpointError, ConfigError
from mmcd.evaluation import change_ratios, count_pixels, sum_counts
from mmcd.inference import make_predictor
from mmcd.io.checkpoints import load_weights, read_checkpoint
from mmcd.registry import DATASETS
from tests.engine.tiny_run import tiny_config
from tests.export.models import with_random_statistics


@pytest.fixture
def config(tiny_levir: Path, tmp_path: Path) -> Config:
    return tiny_config(tiny_levir, tmp_path / 'work')


@pytest.fixture
def checkpoint(config: Config, tmp_path: Path) -> Path:
    """Weights whose scores are spread around one half."""
    torch.manual_seed(0)
    model = with_random_statistics(init_model(config))
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(seed=3), optimizer=dict(lr=1)), path)
    return path


def tune(config: Config, checkpoint: Path) -> dict:
    prepare_tuning(config, checkpoint, checkpoint)
    runner = Runner.from_cfg(config)
    load_weights(innermost(runner.model), checkpoint)
    use_predictor(runner)
    return tune_threshold(runner)


def test_the_tuned_threshold_is_the_best_and_holds_everywhere(
    config: Config, checkpoint: Path, tiny_levir: Path
) -> None:
    tuned = tune(config, checkpoint)
    assert (tuned['split'], tuned['images'], tuned['metric']) == ('val', 2, 'change/f1')
    write_threshold(checkpoint, tuned, checkpoint)
    content = read_checkpoint(checkpoint)
    assert content['meta']['mmcd']['threshold'] == tuned
    assert content['meta']['seed'] == 3 and content['optimizer'] == dict(lr=1)

    model = init_model(config, checkpoint)
    predictor = make_predictor(model)
    assert (predictor.threshold, predictor.threshold_origin) == (tuned['value'], 'tuned')
    dataset = DATASETS.build(config.val_dataloader.dataset)
    pairs = [dataset.get_data_info(index) for index in range(2)]
    results = [predict_pair(model, pair['before_path'], pair['after_path']) for pair in pairs]
    labels = [dataset[i]['data_samples'].gt_sem_seg.data.squeeze().numpy() for i in range(2)]

    def f1(threshold: float) -> float:
        masks = [result.probability > np.float32(threshold) for result in results]
        counts = [
            count_pixels(torch.from_numpy(m), torch.from_numpy(label))
            for m, label in zip(masks, labels, strict=True)
        ]
        return change_ratios(sum_counts(counts))['f1']

    # Sums in another order round differently: a pixel or two of 8,192 may change sides.
    assert f1(tuned['value']) == pytest.approx(tuned['score'], abs=0.1)
    assert f1(0.5) == pytest.approx(tuned['default_score'], abs=0.1)
    assert tuned['score'] >= max(f1(t) for t in np.linspace(0, 1, 101)) - 0.1
    for result in results:
        np.testing.assert_array_equal(result.mask, result.probability > np.float32(tuned['value']))
    # A config's own threshold is a person's decision, and comes first.
    config.model.threshold = 0.9
    assert make_predictor(init_model(config, checkpoint)).threshold == 0.9


def test_it_is_refused_on_the_split_that_it_was_tuned_on(config: Config, checkpoint: Path) -> None:
    val, test = (DATASETS.build(config[f'{s}_dataloader'].dataset) for s in ('val', 'test'))
    tuned = tune(config, checkpoint)
    check_tuning(test, tuned)
    check_tuning(val, None)
    assert tuned['file_list_sha256'] == hash_dataset_files(val) != hash_dataset_files(test)
    with pytest.raises(
        ConfigError, match=r'was tuned on these very files \(BitemporalDataset, val'
    ):
        check_tuning(val, tuned)
    # Fewer files of the same split.
    with pytest.raises(ConfigError, match=r'tuned on this very split .*model\.threshold=0\.5'):
        check_tuning(val.get_subset(1), tuned)
    # The same files by another split's name.
    with pytest.raises(ConfigError, match='these very files'):
        check_tuning(val, dict(tuned, split='dev'))


def test_what_cannot_be_tuned(config: Config, checkpoint: Path, tiny_levir: Path) -> None:
    with pytest.raises(CheckpointError, match=r'\(\.pth\), not into model\.onnx'):
        prepare_tuning(config, 'model.onnx', 'model.pth')
    with pytest.raises(CheckpointError, match=r'not into model\.safetensors'):
        prepare_tuning(config, 'model.pth', 'model.safetensors')
    stated = copy.deepcopy(config)
    stated.model.threshold = 0.4
    with pytest.raises(ConfigError, match=r'states model\.threshold=0\.4, .*overrides a tuned one'):
        prepare_tuning(stated, checkpoint, checkpoint)
    for path in (tiny_levir / 'val' / 'label').iterdir():
        blank = np.zeros((64, 64), np.uint8)

        Image.fromarray(blank).save(path)
    with pytest.raises(ConfigError, match='holds no changed pixel'):
        tune(config, checkpoint)


def tune_share(rank: int, configs: list[Config], checkpoint: Path, out: Path) -> None:
    """One of two processes writes what it was given for each config, or the error."""
    torch.set_num_threads(1)
    os.environ |= {'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': '2'}
    store = distributed.FileStore(f'{out}.store', 2)
    distributed.init_process_group('gloo', store=store, rank=rank, world_size=2)
    said = []
    try:
        for config in configs:
            try:
                said.append(tune(config, checkpoint))
            except ConfigError as error:
                said.append(str(error))
    finally:
        distributed.destroy_process_group()
    torch.save(said, f'{out}.{rank}')


@pytest.mark.slow
def test_two_processes_end_alike(
    config: Config, checkpoint: Path, tiny_levir: Path, tmp_path: Path
) -> None:
    unchanged = shutil.copytree(tiny_levir, tmp_path / 'unchanged')
    for path in (unchanged / 'val' / 'label').iterdir():
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    configs = [
        copy.deepcopy(config),
        tiny_config(unchanged, tmp_path / 'other', experiment_name='other'),
    ]
    mp.spawn(tune_share, args=(configs, checkpoint, tmp_path / 'said'), nprocs=2)
    first, second = (torch.load(tmp_path / f'said.{rank}') for rank in range(2))
    assert first == second
    assert dict(first[0], date='') == dict(tune(config, checkpoint), date='')
    assert 'holds no changed pixel' in first[1]


@pytest.mark.parametrize('noted', [0.3, dict(value=3), dict(value='0.3'), dict(split='val')])
def test_a_damaged_threshold_is_refused(config: Config, checkpoint: Path, noted: object) -> None:
    content = read_checkpoint(checkpoint)
    content['meta']['mmcd'] = dict(threshold=noted)
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match='not a dict with a `value` from 0 to 1'):
        init_model(config, checkpoint)


def test_splits_by_lists_are_told_apart_by_their_files(config, checkpoint, tiny_levir) -> None:
    """They have no name."""
    for folder in ('A', 'B', 'label'):
        (tiny_levir / folder).mkdir()
        for split in ('val', 'test'):
            for path in (tiny_levir / split / folder).iterdir():
                shutil.copy(path, tiny_levir / folder / path.name)
    datasets = []
    for split in ('val', 'test'):
        names = sorted(path.stem for path in (tiny_levir / split / 'A').iterdir())
        (tiny_levir / f'{split}.txt').write_text('\n'.join(names))
        settings = dict(config.val_dataloader.dataset, split='', list_file=f'{split}.txt')
        datasets.append(DATASETS.build(settings))
    val, test = datasets
    where = dict(dataset='BitemporalDataset', split='', list_file='val.txt')
    tuned = dict(where, value=0.3, file_list_sha256=hash_dataset_files(val))
    check_tuning(test, tuned)
    with pytest.raises(ConfigError, match='tuned on these very files'):
        check_tuning(val, tuned)
