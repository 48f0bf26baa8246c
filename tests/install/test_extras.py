from __future__ import annotations

import pytest

from mmcd.errors import MissingExtraError
from mmcd.install.extras import require_packages


def test_what_is_there_passes() -> None:
    require_packages('Testing', ['json', 'pytest'], 'dev')


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require_packages('Testing', ['json', 'no_such_a'], 'dev')
    assert str(caught.value) == (
        'Testing needs no_such_a, which is not installed. In a checkout of mmcd: python -m pip '
        "install -e '.[dev]'"
    )
    with pytest.raises(ImportError, match='needs no_such_a, no_such_b, which are not installed'):
        require_packages('Testing', ['no_such_a', 'no_such_b'], 'dev')
