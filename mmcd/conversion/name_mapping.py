"""Strict renaming of a state dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from mmcd.errors import CheckpointError
from mmcd.io.checkpoints import compare_names


@dataclass(frozen=True)
class NameMapping:
    """How one release's names become ours.

    Args:
        network: its name, for messages.
        rename: gives our name for a released one, None for a name it does not know.
        dropped: prefixes of names that are left out on purpose, each with the reason.
        optional: prefixes of parts that are left out where our model is built without them, each
            with the reason why it may be.
    """

    network: str
    rename: Callable[[str], str | None]
    dropped: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversion:
    """A renamed state dict, and what was left out of it.

    Args:
        state_dict: tensors under our names.
        dropped: released name to the reason why it was left out.
    """

    state_dict: dict[str, Tensor]
    dropped: dict[str, str]


def convert(
    released: Mapping[str, Tensor], mapping: NameMapping, expected: Mapping[str, Tensor]
) -> Conversion:
    """Rename a released state dict, strictly.

    Args:
        released: tensors under the release's names; a leading ``module.`` is left off.
        mapping: the network's names.
        expected: our model's state dict, for names and shapes.

    Raises:
        CheckpointError: names that the mapping does not know, names that are missing, or shapes
            that differ; all of them are listed.
    """
    renamed: dict[str, Tensor] = {}
    dropped: dict[str, str] = {}
    unknown: list[str] = []
    released = {name.removeprefix('module.'): tensor for name, tensor in released.items()}
    reasons = {**mapping.dropped, **_not_built(mapping, released, expected)}
    for name, tensor in released.items():
        reason = next((why for head, why in reasons.items() if name.startswith(head)), None)
        ours = mapping.rename(name)
        if reason is not None:
            dropped[name] = reason
        elif ours is None:
            unknown.append(name)
        else:
            renamed[ours] = tensor
    faults = compare_names(renamed, dict(expected))
    if unknown or faults:
        listed = '\n'.join(f'  {name}' for name in sorted(unknown))
        parts = [f'{len(unknown)} not known to {mapping.network}:\n{listed}'] if unknown else []
        parts += [f'Under our names:\n{faults}'] if faults else []
        raise CheckpointError(
            f'This is no checkpoint of the {mapping.network} model that the config describes.\n'
            + '\n'.join(parts)
        )
    return Conversion(renamed, dropped)


def _not_built(
    mapping: NameMapping, released: Iterable[str], expected: Mapping[str, Tensor]
) -> dict[str, str]:
    """The optional parts of which our model has no tensor at all."""
    return {
        head: why
        for head, why in mapping.optional.items()
        if not any(mapping.rename(name) in expected for name in released if name.startswith(head))
    }
