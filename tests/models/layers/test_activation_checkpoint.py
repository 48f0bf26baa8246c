from __future__ import annotations

import pytest
import torch
from torch import nn

from mmcd.models.backbones.unet_encoder import UNetEncoder
from tests.models.building import build_model, random_batch

CHECKPOINTED = {'model.backbone.with_cp': True, 'model.decode_head.with_cp': True}


def one_step(amp: bool, **options) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], int]:
    """Gradients and statistics after a step of the slim DARNet, and the bytes it kept for it."""
    torch.manual_seed(0)
    model = build_model('darnet_sample.py', **options).train()
    inputs, samples = random_batch(2, 32, 48)
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast('cpu', torch.bfloat16, enabled=amp),
    ):
        loss = sum(model(inputs, samples, mode='loss').values())
    kept_bytes = sum(kept.values())
    loss.backward()
    return {n: p.grad for n, p in model.named_parameters()}, model.state_dict(), kept_bytes


@pytest.mark.parametrize('amp', [False, True])
def test_gradients_and_statistics_are_the_same(amp: bool) -> None:
    """Running statistics too, which a second forward pass would move once more."""
    grads, state, kept = one_step(amp)
    again_grads, again_state, again_kept = one_step(amp, **CHECKPOINTED)
    assert grads.keys() == again_grads.keys()
    for name, grad in grads.items():
        # In mixed precision the dates' gradients of a weight are summed in bfloat16, or in float32.
        most = (2e-2 if amp else 1e-5) * grad.abs().max().item()
        torch.testing.assert_close(again_grads[name], grad, rtol=0, atol=most, msg=name)
    for name, value in state.items():
        torch.testing.assert_close(again_state[name], value, rtol=0, atol=0, msg=name)
    assert state['backbone.levels.0.0.bn.num_batches_tracked'] == 2  # once a date
    assert again_kept < kept / 2


def test_synchronised_batch_norms() -> None:
    """PyTorch's, which without their count of batches refuse to work."""
    counts = []
    for with_cp in (False, True):
        encoder = UNetEncoder(in_channels=3, base_channels=2, num_levels=2, with_cp=with_cp)
        encoder = nn.SyncBatchNorm.convert_sync_batchnorm(encoder).train()
        sum(level.sum() for level in encoder(torch.rand(2, 3, 16, 16))).backward()
        state = encoder.state_dict()
        counts.append({name: int(n) for name, n in state.items() if name.endswith('_tracked')})
    assert counts[0] == counts[1] and set(counts[0].values()) == {1}
