"""What mmcd notes in a checkpoint beside its weights: ``meta['mmcd']``, plain values only.

Its keys: ``config`` (what the model is built from without a config file, see
:mod:`mmcd.inference.portable_config`), ``image``, ``classes``, ``metres_per_pixel``, ``threshold``,
``weights_sha256``; each is optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcd.errors import CheckpointError

KEY = 'mmcd'


def own_meta(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """What mmcd noted, of a checkpoint's ``meta``; empty where that is of another program.

    Raises:
        CheckpointError: it is no dict.
    """
    noted = (meta or {}).get(KEY, {})
    if not isinstance(noted, Mapping):
        raise CheckpointError(
            f"The checkpoint's meta['{KEY}'] is a {type(noted).__name__}, not a dict: the file was "
            'not written by mmcd.'
        )
    return dict(noted)


def note(checkpoint: dict[str, Any], **facts: Any) -> None:
    """Add facts to those that a checkpoint holds, in place.

    Args:
        checkpoint: the dict that is saved.
        **facts: plain values by their key; None leaves a fact out.
    """
    meta = checkpoint.setdefault('meta', {})
    known = {key: value for key, value in facts.items() if value is not None}
    meta[KEY] = {**own_meta(meta), **known}
