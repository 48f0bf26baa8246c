"""Networks in the form that exporters and compilers follow."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

Network = TypeVar('Network', bound=nn.Module)


def to_traceable(network: Network) -> Network:
    """A copy that works on whole maps, without loops over strips and without writing in place.

    Eager PyTorch is fastest in strips; an exporter or a compiler makes its own, and wants to see
    whole operations. Modules that know both forms have an attribute ``traceable``.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if hasattr(type(module), 'traceable'):
            setattr(module, 'traceable', True)  # noqa: B010  mypy takes any attribute for a module
    return network
