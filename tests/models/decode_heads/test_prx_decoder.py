import pytest
import torch

from mmcd.models.decode_heads.prx_decoder import PRXDecoder
from mmcd.models.layers.point_refinement import ProgressiveRefinement

SLIM = (8, 16, 32, 64)


def make_pyramids(
    channels: tuple[int, ...] = SLIM, *, num: int = 2, height: int = 64, width: int = 96
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(0)

    def pyramid() -> list[torch.Tensor]:
        strides = [4 * 2**level for level in range(len(channels))]
        sizes = zip(channels, strides, strict=True)
        return [torch.randn(num, c, height // s, width // s) for c, s in sizes]

    return pyramid(), pyramid()


@pytest.mark.parametrize('cross_attention', [False, True])
@pytest.mark.parametrize('num', [1, 3])
def test_logit_is_full_size_and_fused_maps_keep_their_levels(cross_attention, num):
    decoder = PRXDecoder(in_channels=SLIM, cross_attention=cross_attention)
    before, after = make_pyramids(num=num)
    logit, fused = decoder(before, after)
    assert logit.shape == (num, 1, 64, 96)
    assert [f.shape for f in fused] == [b.shape for b in before]


@pytest.mark.parametrize(
    'channels', [(256, 512, 1024, 2048), (96, 192, 384, 768), (32, 64, 160, 256)]
)
def test_widths_follow_the_encoder(channels):
    decoder = PRXDecoder(in_channels=channels, cross_attention=channels[-1] < 1024).eval()
    with torch.no_grad():
        logit, _ = decoder(*make_pyramids(channels, num=1, height=32, width=32))
    assert logit.shape == (1, 1, 32, 32)
    assert decoder.upsample1.out_channels == channels[0] // 2


@pytest.mark.parametrize(
    ('cross_attention', 'refined', 'millions'),
    [(False, False, 13.49), (True, False, 16.05), (False, True, 13.84), (True, True, 16.41)],
)
def test_size_is_as_published_without_the_dead_weights(cross_attention, refined, millions):
    encoder = 11.1765  # a ResNet-18 without its classifier
    modules = [PRXDecoder(cross_attention=cross_attention)]
    modules += [ProgressiveRefinement()] if refined else []
    ours = sum(p.numel() for m in modules for p in m.parameters()) / 1e6
    assert encoder + ours == pytest.approx(millions, abs=0.006)


def test_cross_attention_modules_exist_only_where_asked_for():
    names = PRXDecoder(in_channels=SLIM).state_dict()
    assert not any('cross_attention' in name for name in names)


def test_refuses_a_wrong_number_of_maps():
    before, after = make_pyramids()
    with pytest.raises(ValueError, match=r'Expected 4 maps of each date.* but got 3 and 4'):
        PRXDecoder(in_channels=SLIM)(before[:3], after)
