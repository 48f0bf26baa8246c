from __future__ import annotations

import copy

import torch
from torch import nn

from mmcd.io.weights_hash import weights_sha256


def test_the_same_weights_have_the_same_hash_and_others_another() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    first = weights_sha256(model)
    assert first == weights_sha256(copy.deepcopy(model)) and len(first) == 64
    assert first == weights_sha256(model.to(memory_format=torch.channels_last))
    renamed = nn.ModuleDict({'0': model[0], 'norm': model[1]})
    assert weights_sha256(renamed) != first
    model[1].num_batches_tracked += 1
    assert weights_sha256(model) != first
