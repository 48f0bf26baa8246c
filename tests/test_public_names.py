"""The names that users and other programs call: a change here is a change for them."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmcd import apis
from mmcd.config import load_config
from mmcd.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parents[1]


def test_signatures_of_the_api():
    init = list(inspect.signature(apis.init_model).parameters)
    assert init[:4] == ['config', 'checkpoint', 'device', 'cfg_options']
    assert list(inspect.signature(apis.predict_pair).parameters)[:3] == ['model', 'before', 'after']
    assert list(apis.ChangeResult.__dataclass_fields__)[:2] == ['mask', 'probability']


@pytest.mark.parametrize(
    ('registry', 'names'),
    [
        (MODELS, ['SiameseEncoderDecoder', 'PairDataPreprocessor', 'DARNetHead', 'UNetEncoder']),
        (MODELS, ['DiceLoss', 'PRXHead']),
        (DATASETS, ['BitemporalDataset', 'LEVIRCDDataset', 'CDDDataset', 'SYSUCDDataset']),
        (TRANSFORMS, ['LoadImagePair', 'LoadChangeLabel', 'StackPair', 'ExchangeDates']),
        (METRICS, ['ChangeMetric']),
        (
            HOOKS,
            [
                'NonFiniteLossHook',
                'EmptyLabelWarningHook',
                'PlainCheckpointHook',
                'ValidationPanelsHook',
            ],
        ),
    ],
)
def test_registered_types(registry, names):
    for name in names:
        assert registry.get(f'mmcd.{name}').__name__ == name


@pytest.mark.parametrize(
    ('tool', 'options'),
    [
        ('train.py', '--work-dir --resume --amp --cfg-options --launcher'),
        ('test.py', '--work-dir --out --show-dir --tta --amp --cfg-options --launcher'),
        ('model_converters/darnet_to_mmcd.py', 'SRC DST'),
    ],
)
def test_tools_take_their_options(tool, options):
    """And say so without importing the stack."""
    shown = subprocess.run(
        [sys.executable, '-X', 'importtime', str(ROOT / 'tools' / tool), '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(option in shown.stdout for option in options.split())
    assert ' torch\n' not in shown.stderr


@pytest.mark.parametrize('network', ['darnet_levir', 'darnet_cdd', 'darnet_sysu', 'prx_levir'])
def test_configs_set_their_data_root_once(network, tmp_path):
    """A user who edits that one line has moved every split."""
    text = (ROOT / 'configs' / f'{network}.py').read_text()
    assert text.count('data_root = ') == 1
    text = re.sub("data_root = '.*'", "data_root = 'moved'", text)
    (tmp_path / 'edited.py').write_text(text.replace("'_base_/", f"'{ROOT}/configs/_base_/"))
    cfg = load_config(tmp_path / 'edited.py')
    splits = ('train', 'val', 'test')
    assert {cfg[f'{s}_dataloader'].dataset.data_root for s in splits} == {'moved'}
