"""Every config parses, resolves, builds, trains a step and validates, on tiny pairs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from mmcd.apis import init_model
from mmcd.config import load_config
from mmcd.io.checkpoints import compare_names, read_checkpoint, weights_of
from mmcd.io.downloads import local_file
from mmcd.registry import DATASETS, MODELS
from mmcd.structures import RGB_8BIT, ImageSpec
from tests.tiff_files import write_tiff
from tests.tiny_pairs import TinyLayout, write_tiny_pairs
from tests.tiny_scenes import write_tiny_oscd, write_tiny_sztaki

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / 'configs').glob('*.py'))
# Of pairs that are drawn while a network trains: they have no folder and no label files.
DRAWN = ('buildings_synthetic',)
# Trained on the pairs of several folders.
MIXED = ('buildings_darnet',)
ONE_FOLDER = [path for path in CONFIGS if path.stem not in (*DRAWN, *MIXED)]


# Full-size networks on further data sets, and published recipes of those that a quick one trains.
TWINS = [
    *(ROOT / 'configs' / f'darnet_{name}.py' for name in ('cdd', 'clcd', 'sysu', 'whu')),
    *(
        ROOT / 'configs' / f'prx_{name}{stage}.py'
        for name in ('dsifn', 's2looking')
        for stage in ('', '_refine', '_cross')
    ),
    *(
        path.with_stem(path.stem.removesuffix('_quick'))
        for path in CONFIGS
        if 'fc_' in path.stem and path.stem.endswith('_quick')
    ),
]


def parts(dataset):
    """The data sets that one is made of."""
    return dataset.datasets if dataset.type == 'ConcatDataset' else [dataset]


def dataset_configs(cfg):
    return [parts(cfg[f'{split}_dataloader'].dataset)[0] for split in ('train', 'val', 'test')]


def shrink(cfg, root, work_dir):
    """The same run on tiny pairs: one step, one validation, no worker processes."""
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2 if split == 'train' else 1, num_workers=0)
        loader.persistent_workers = False
        for part in parts(loader.dataset):
            if part.type == 'SyntheticPairDataset':
                part.update(length=2, size=64)
            else:
                part.data_root = str(root)
            if 'windows' in part:
                part.windows.update(size=32, stride=16)
            for step in part.pipeline:
                if step.type == 'mmseg.RandomCrop':
                    step.crop_size = (32, 32)
    if cfg.model.test_cfg.mode == 'slide':
        cfg.model.test_cfg.update(crop_size=(32, 32), stride=(32, 32))
    return cfg


def layout_of(cfg):
    """The layout that the config's data set class has by default, for the tiny pairs."""
    kind = DATASETS.get(dataset_configs(cfg)[0].type)
    encoding = kind.LABEL_ENCODING
    return TinyLayout(
        before_dir=kind.BEFORE_DIR,
        after_dir=kind.AFTER_DIR,
        label_dir=kind.LABEL_DIR,
        image_suffix=kind.IMAGE_SUFFIXES[0],
        label_suffix=kind.LABEL_SUFFIXES[0],
        changed=encoding.get('changed', 255),
    )


def rewrite_images(root, spec):
    """Tiny pairs with the bands that a config describes, as TIFF files."""
    for path in (*root.glob('*/A/*.png'), *root.glob('*/B/*.png')):
        bands = np.resize(np.asarray(Image.open(path)).transpose(2, 0, 1), (spec.num_bands, 64, 64))
        write_tiff(path.with_suffix('.tif'), bands.transpose(1, 2, 0).astype(spec.dtype))
        path.unlink()


def write_data_set(cfg, root):
    """A tiny data set in the layout that the config expects."""
    match dataset_configs(cfg)[0].type:
        case 'OSCDDataset':
            return write_tiny_oscd(root)
        case 'SZTAKIDataset':
            return write_tiny_sztaki(root)
        case 'SyntheticPairDataset':
            return root
    write_tiny_pairs(root, layout=layout_of(cfg))
    spec = ImageSpec.from_config(cfg.get('image'))
    if (spec.bands, spec.dtype) != (RGB_8BIT.bands, RGB_8BIT.dtype):
        rewrite_images(root, spec)
    return root


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_parses_and_resolves(path):
    cfg = load_config(path)
    assert [d.split for d in dataset_configs(cfg)] == ['train', 'val', 'test']
    assert cfg.default_scope == 'mmcd'
    assert cfg.default_hooks.checkpoint.save_best == 'change/f1'
    assert cfg.randomness.seed is not None


@pytest.mark.parametrize('path', ONE_FOLDER, ids=lambda path: path.stem)
def test_states_its_folder_once_and_checks_labels(path):
    cfg = load_config(path)
    roots = {dataset.data_root for dataset in dataset_configs(cfg)}
    assert roots == {cfg.data_root}
    # Each loader has the checks of the other splits too.
    for dataset in dataset_configs(cfg):
        assert any(step.type == 'LoadChangeLabel' for step in dataset.pipeline)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_header_gives_commands_that_name_the_config(path):
    header = path.read_text().split('_base_ =')[0]
    assert f'configs/{path.name}' in header
    for other in re.findall(r'configs/(\w+\.py)', header):
        assert (ROOT / 'configs' / other).is_file()


@pytest.mark.parametrize('path', ONE_FOLDER, ids=lambda path: path.stem)
def test_one_data_root_on_the_command_line_reaches_every_split(path):
    cfg = load_config(path, {'data_root': 'elsewhere'})
    assert {dataset.data_root for dataset in dataset_configs(cfg)} == {'elsewhere'}


def tiny_runner(path, tmp_path):
    cfg = load_config(path, {'pretrained': None, 'load_from': None})  # no download
    root = write_data_set(cfg, tmp_path / 'pairs')
    return Runner.from_cfg(shrink(cfg, root, tmp_path / 'work'))


@pytest.mark.slow
@pytest.mark.parametrize('path', sorted(set(CONFIGS) - set(TWINS)), ids=lambda path: path.stem)
def test_trains_a_step_and_validates(path, tmp_path):
    runner = tiny_runner(path, tmp_path)
    runner.train()
    scores = runner.message_hub.get_scalar('val/change/f1').current()
    assert 0 <= scores <= 100
    assert list((tmp_path / 'work').glob('best_change_f1_iter_1.pth'))


@pytest.mark.parametrize('path', TWINS, ids=lambda path: path.stem)
def test_builds_and_draws_a_batch(path, tmp_path):
    """Where another config trains the same network: what differs is its data and its schedule."""
    runner = tiny_runner(path, tmp_path)
    assert runner.build_train_loop(runner.cfg.train_cfg).max_iters == 1
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    assert runner.build_param_scheduler(runner.param_schedulers)
    for loader in (runner.cfg.train_dataloader, runner.cfg.val_dataloader):
        batch = next(iter(runner.build_dataloader(loader)))
        inputs = runner.model.data_preprocessor(batch, training=True)['inputs']
        assert inputs.shape[1] == 2 * runner.model.image.num_bands


def test_levir_sees_as_many_patches_as_published():
    cfg = load_config(ROOT / 'configs' / 'darnet_levir.py')
    patches = cfg.train_cfg.max_iters * cfg.train_dataloader.batch_size
    assert patches == 200 * 7120
    (schedule,) = cfg.param_scheduler
    assert schedule.step_size * cfg.train_dataloader.batch_size == 20 * 7120
    assert schedule.gamma == 0.5
    assert cfg.optim_wrapper.optimizer == dict(type='AdamW', lr=2e-4)
    assert cfg.randomness.seed == 28


def test_fine_tuning_starts_from_the_network_that_comes_with_mmcd():
    cfg = load_config(ROOT / 'configs' / 'buildings_finetune.py')
    model = MODELS.build(cfg.model)
    found = read_checkpoint(local_file(cfg.load_from))
    assert not compare_names(weights_of(found, cfg.load_from), model.state_dict())
    assert cfg.image.metres_per_pixel == init_model('buildings').cfg.image.metres_per_pixel


def test_models_build_at_their_published_size():
    model = MODELS.build(load_config(ROOT / 'configs' / 'darnet_levir.py').model)
    assert sum(p.numel() for p in model.parameters()) == 15_092_134
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_learning_rate_is_that_of_the_batch_as_written(path):
    config = load_config(path)
    assert config.auto_scale_lr.base_batch_size == config.train_dataloader.batch_size
