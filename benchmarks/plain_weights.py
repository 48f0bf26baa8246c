"""What both plain networks have: weights under the package's names, and BatchNorm over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class PlainWeights(nn.Module):
    """A flat dict of weights; they are copied.

    Args:
        state: a state dict.
        unused: names with one of these parts are left out.
        training: make the weights parameters, but for running statistics, and start in training
            mode. Off: an eval-mode module.
    """

    def __init__(
        self, state: Mapping[str, Tensor], *, unused: Sequence[str], training: bool
    ) -> None:
        super().__init__()
        self.names = [name for name in state if not any(part in name for part in unused)]
        for name in self.names:
            value = state[name].detach().clone()
            if training and 'running_' not in name:
                self.register_parameter(_attribute(name), nn.Parameter(value))
            else:
                self.register_buffer(_attribute(name), value)
        self.train(training)

    @property
    def state(self) -> dict[str, Tensor]:
        """The weights under their names."""
        return {name: getattr(self, _attribute(name)) for name in self.names}


def batch_norm(state: dict[str, Tensor], name: str, x: Tensor, training: bool) -> Tensor:
    return F.batch_norm(
        x,
        state[f'{name}.running_mean'],
        state[f'{name}.running_var'],
        state[f'{name}.weight'],
        state[f'{name}.bias'],
        training=training,
        momentum=0.1,
        eps=1e-5,
    )


def _attribute(name: str) -> str:
    """PyTorch allows no dots in the name of a parameter."""
    return name.replace('.', '__')
