import pytest

from mmcd.errors import ConfigError
from mmcd.io.literal_config import parse_config_text

TEXT = """
model = dict(
    type='A', size=(1, -2), lr=1e-3, flags=[True, None], weights={'a': 0.5}, names={'x'},
    most=float('inf'))
data_root = 'data'
"""


def test_plain_values_are_read():
    assert parse_config_text(TEXT) == dict(
        model=dict(
            type='A',
            size=(1, -2),
            lr=1e-3,
            flags=[True, None],
            weights={'a': 0.5},
            names={'x'},
            most=float('inf'),
        ),
        data_root='data',
    )


@pytest.mark.parametrize(
    'text',
    [
        "import os\nos.system('touch {}')",
        "x = __import__('os').system('touch {}')",
        "x = dict(a=open('{}', 'w'))",
        "x = dict(**{{'a': open('{}', 'w')}})",
        "x = dict([('a', open('{}', 'w'))])",
        "x = float(open('{}', 'w'))",
        "x = [open('{}', 'w') for _ in (1,)]",
        "x = (lambda: open('{}', 'w'))()",
        'x = f\'{{open("{}", "w")}}\'',
        "x = {{**open('{}', 'w')}}",
        "x[open('{}', 'w')] = 1",
        "class A:\n    open('{}', 'w')",
    ],
)
def test_code_is_refused_and_not_run(text, tmp_path):
    victim = tmp_path / 'victim'
    with pytest.raises(ConfigError, match='other than plain values in line 1'):
        parse_config_text(text.format(victim))
    assert not victim.exists()


@pytest.mark.parametrize(
    'text',
    [
        'x = (',
        'x = ' + '[' * 20_000,
        'x = \0',
        "x = float('one')",
        'x = {[1]}',
        'x = {[1]: 2}',
    ],
)
def test_text_that_is_no_config(text):
    with pytest.raises(ConfigError, match='cannot be parsed'):
        parse_config_text(text)


def test_a_text_of_any_length_is_not_parsed():
    with pytest.raises(ConfigError, match='1,000,005 characters'):
        parse_config_text('x = ' + '1' * 1_000_001)
