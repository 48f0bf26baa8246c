"""Our types are found without a scope, wherever they are used first."""

import subprocess
import sys

import pytest

from tests.tiny_pairs import write_tiny_pairs

DATASET = """
from mmcd.datasets import BitemporalDataset
pipeline = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel'), dict(type='StackPair')]
data = BitemporalDataset(data_root={root!r}, split='train', pipeline=pipeline)
print(data[0]['img'].shape)
from mmengine.registry import DefaultScope
print(DefaultScope.get_current_instance())
"""
MODEL = """
from mmcd.config import load_config
from mmcd.registry import MODELS
print(type(MODELS.build(load_config('fc_ef_sample').model)).__name__)
"""


def run(code: str) -> str:
    command = [sys.executable, '-W', 'ignore', '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_data_set_by_hand_in_a_new_process(tmp_path):
    root = write_tiny_pairs(tmp_path, height=64, width=64)
    # The scope of whoever uses the data set stays as it was: there is none.
    assert run(DATASET.format(root=str(root))).split('\n')[:2] == ['(64, 64, 6)', 'None']


@pytest.mark.slow
def test_a_model_by_hand_in_a_new_process():
    assert 'SiameseEncoderDecoder' in run(MODEL)
