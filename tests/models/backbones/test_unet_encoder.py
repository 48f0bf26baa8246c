import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.models import UNetEncoder


def test_levels_have_the_convolutions_that_are_asked_for():
    encoder = UNetEncoder(base_channels=4, num_levels=3, convs_per_level=(1, 2, 3), dropout=0.2)
    assert [len(level) for level in encoder.levels] == [1, 2, 3]
    shapes = [m.shape[1:] for m in encoder(torch.rand(2, 3, 16, 24))]
    assert shapes == [(4, 16, 24), (8, 8, 12), (16, 4, 6)]
    assert len(UNetEncoder(num_levels=2, base_channels=4).levels[1]) == 2


def test_dropout_adds_no_names_and_nothing_at_inference():
    plain = UNetEncoder(base_channels=4, num_levels=2).eval()
    dropped = UNetEncoder(base_channels=4, num_levels=2, dropout=0.5).eval()
    dropped.load_state_dict(plain.state_dict())
    x = torch.rand(1, 3, 8, 8)
    assert all(map(torch.equal, plain(x), dropped(x)))
    torch.manual_seed(0)
    zeros = (dropped.train()(x)[0] == 0).flatten(2).all(2)
    assert zeros.any()  # whole maps


@pytest.mark.parametrize('numbers', [(2, 2), (2, 0, 2)])
def test_convolutions_for_each_level(numbers):
    with pytest.raises(ConfigError, match=r'a number from 1 for each of the 3 levels'):
        UNetEncoder(num_levels=3, convs_per_level=numbers)
