"""Converting a checkpoint file from a release to ours."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import cast

import torch
from mmengine.config import Config
from torch import nn

from mmcd.conversion.name_mapping import Conversion, NameMapping, convert
from mmcd.errors import CheckpointError, ConfigError
from mmcd.inference.model_loading import init_model
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.atomic import write_whole
from mmcd.io.checkpoint_meta import note
from mmcd.io.checkpoints import hash_weights
from mmcd.io.restricted_unpickler import read_pickled_tensors


def convert_checkpoint(
    source: str | Path, target: str | Path, mapping: NameMapping, config: str | Path
) -> Conversion:
    """Read a released checkpoint safely, rename its tensors and write ours.

    Args:
        source: the released file.
        target: where ours goes; it appears there only when it is complete.
        mapping: the release's names.
        config: a config of the same network, for names and shapes.

    Raises:
        ConfigError: the target ends in something other than `.pth`, or is the source.
        CheckpointError: the source can't be read safely or does not fit, or the target's folder is
            not there.
    """
    target = Path(target)
    if target.suffix.lower() != '.pth':
        raise ConfigError(
            f'The file of converted weights ends in .pth; got {target}. '
            'tools/model_converters/publish_weights.py makes a .safetensors file of it.'
        )
    if target.resolve() == Path(source).resolve():
        raise ConfigError(
            f'The converted weights would replace the released file {source}. Name another target.'
        )
    if not target.parent.is_dir():
        raise CheckpointError(f'There is no folder {target.parent} to write {target.name} into.')
    released = read_pickled_tensors(source)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # its weights come from the release
        model = cast(nn.Module, init_model(config))
    conversion = convert(released, mapping, model.state_dict())
    checkpoint = {'state_dict': conversion.state_dict, 'meta': {'converted': mapping.network}}
    weights = hash_weights(conversion.state_dict)
    note(checkpoint, weights_sha256=weights, **checkpoint_facts(cast(Config, model.cfg)))
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_whole(target, buffer.getvalue())
    return conversion


def describe_conversion(conversion: Conversion, target: str | Path) -> str:
    """What was written and what was left out."""
    lines = [f'{len(conversion.state_dict)} tensors written to {target}']
    lines += [f'left out: {name} ({reason})' for name, reason in conversion.dropped.items()]
    return '\n'.join(lines)
