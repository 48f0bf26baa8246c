"""Counting the floating-point operations of a run, a multiplication and an addition apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_flop_count

# Operators that multiply a lot; PyTorch's counter has not all of them.
MULTIPLIES = re.compile(
    r'conv(?!ert)|(^|_)(mm|addmm|bmm|baddbmm|matmul|linear)|dot_product|attention'
)


def count_flops(run: Callable[[], object]) -> tuple[object, int, list[str]]:
    """What a run gives, its floating-point operations, and the operators that were not counted."""
    mapping = _own_formulas()
    uncounted = _Uncounted({*flop_registry, *mapping})
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    # The counter is the inner one: what it takes apart to count, the other sees in parts too.
    with uncounted, counter:
        output = run()
    return output, counter.get_total_flops(), sorted(uncounted.names)


class _Uncounted(TorchDispatchMode):
    """Notes the operators that multiply a lot and that nobody counts."""

    def __init__(self, counted: set[Any]) -> None:
        super().__init__()
        self.counted = counted
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        packet = func._overloadpacket
        if packet not in self.counted and MULTIPLIES.search(packet.__name__):
            self.names.add(str(packet))
        return func(*args, **(kwargs or {}))


def _own_formulas() -> dict[Any, Callable[..., int]]:
    """Of the operators of PyTorch's CPU backend that its counter leaves out."""
    formulas: dict[str, dict[str, Callable[..., int]]] = {
        'mkldnn': {'_convolution_pointwise': _convolution, '_linear_pointwise': _linear},
        'aten': {
            'mkldnn_convolution': _convolution,
            '_scaled_dot_product_flash_attention_for_cpu': _attention,
        },
    }
    found = {}
    for space, by_name in formulas.items():
        for name, formula in by_name.items():
            operator = getattr(getattr(torch.ops, space), name, None)
            if operator is not None:
                found[operator] = formula
    return found


def _convolution(x: Any, weight: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return 2 * _product(out_shape) * _product(weight[1:])


def _linear(x: Any, weight: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return 2 * _product(x) * weight[0]


def _attention(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _product(sizes: Any) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
