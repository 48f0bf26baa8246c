import pytest
import torch
from torch import nn

from mmcd.export.adaptive_pooling import MatrixAveragePool, with_exportable_pooling


@pytest.mark.parametrize('bins', [(1, 1), (2, 2), (3, 6)])
@pytest.mark.parametrize('size', [(6, 12), (7, 5), (2, 1)])
def test_the_matrix_form_is_the_pooling(bins, size):
    x = torch.randn(2, 3, *size)
    expected = nn.AdaptiveAvgPool2d(bins)(x)
    torch.testing.assert_close(MatrixAveragePool(bins)(x), expected)


def test_only_poolings_that_an_exporter_would_fix_are_replaced():
    pools = nn.Sequential(*map(nn.AdaptiveAvgPool2d, (1, 2, (3, 6), (None, 2))))
    pools.append(nn.Sequential(nn.AdaptiveAvgPool2d(6)))
    kinds = [type(m).__name__ for m in with_exportable_pooling(pools).modules()]
    assert kinds == [
        'Sequential',
        'AdaptiveAvgPool2d',
        'MatrixAveragePool',
        'MatrixAveragePool',
        'AdaptiveAvgPool2d',
        'Sequential',
        'MatrixAveragePool',
    ]
