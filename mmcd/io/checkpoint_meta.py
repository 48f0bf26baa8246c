"""What mmcd notes in a checkpoint beside its weights: ``meta['mmcd']``, plain values only.

Its keys: ``config`` (what the model is built from without a config file, see
:mod:`mmcd.inference.portable_config`), ``image``, ``classes``, ``metres_per_pixel``, ``threshold``,
``statistics`` (of the training images), ``weights_sha256``, ``optimizer`` and ``optim_wrapper``
(the names of their types); each is optional.
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


def stated_threshold(meta: Mapping[str, Any] | None) -> float | None:
    """The threshold that the config states which a checkpoint brings along; None: it states none.

    Args:
        meta: a checkpoint's ``meta``.
    """
    value: Any = own_meta(meta)
    for key in ('config', 'model', 'threshold'):
        value = value.get(key) if isinstance(value, Mapping) else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


def tuned_threshold(meta: Mapping[str, Any] | None, path: str) -> dict[str, Any] | None:
    """The threshold that was tuned for a checkpoint's weights, and what it was tuned on.

    Args:
        meta: a checkpoint's ``meta``.
        path: its file, for the error's text.

    Returns:
        ``value``, and of what it was tuned on ``split``, ``file_list_sha256``, ``metric`` and
        others; None where none was tuned.

    Raises:
        CheckpointError: it is no threshold.
    """
    noted = own_meta(meta).get('threshold')
    if noted is None:
        return None
    value = noted.get('value') if isinstance(noted, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise CheckpointError(
            f'The tuned threshold in the checkpoint {path} is {noted!r}, not a dict with a `value` '
            'from 0 to 1. Tune it again: tools/analysis_tools/tune_threshold.py.'
        )
    return dict(noted)
