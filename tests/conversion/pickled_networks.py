"""Whole networks pickled the way releases do: of classes that a reader can't import."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


def build_tree(state_dict: Mapping[str, Tensor], part: type[nn.Module]) -> nn.Module:
    """A module of nested ``part`` instances whose state dict is the given one."""
    root = part()
    for full_name, value in state_dict.items():
        *path, name = full_name.split('.')
        node = root
        for step in path:
            if step not in node._modules:
                node.add_module(step, part())
            node = node._modules[step]
        if name.startswith(('running_', 'num_batches')):
            node.register_buffer(name, value)
        else:
            node.register_parameter(name, nn.Parameter(value))
    return root


def save_pickled_network(
    state_dict: Mapping[str, Tensor], path: Path, *, new_format: bool = True
) -> None:
    """Save a whole ``DataParallel`` of a network; its class is gone when this returns."""
    name = 'released_project.models'
    project = types.ModuleType(name)
    # In lower case, as many a project names its parts.
    project.unet_part = type('unet_part', (nn.Module,), {'__module__': name})
    sys.modules['released_project'] = sys.modules[name] = project
    try:
        network = nn.DataParallel(build_tree(state_dict, project.unet_part))
        network.src_device_obj = torch.device('cuda:0')  # as where there is a GPU
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the legacy format misses the class's source
            torch.save(network, path, _use_new_zipfile_serialization=new_format)
    finally:
        del sys.modules['released_project'], sys.modules[name]
