"""Channel attention by global average and maximum."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ChannelAttention(nn.Module):
    """Weighs each channel by sigmoid(MLP(global average) + MLP(global maximum)).

    Args:
        channels: channels of the input and the output.
        reduction: the shared MLP has ``channels // reduction`` hidden channels (at least 1).

    Shape:
        (N, C, H, W) to (N, C, H, W): the input times its weights.

    Reference:
        Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, eq. 2.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        average = self._mlp(F.adaptive_avg_pool2d(x, 1))
        maximum = self._mlp(F.adaptive_max_pool2d(x, 1))
        return (average + maximum).sigmoid() * x

    def _mlp(self, pooled: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(pooled)))
