import pytest

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_meta import note, own_meta


def test_facts_add_up():
    checkpoint = {'state_dict': {}}
    note(checkpoint, classes=['a', 'b'], metres_per_pixel=None)
    note(checkpoint, threshold=dict(value=0.4))
    assert own_meta(checkpoint['meta']) == dict(classes=['a', 'b'], threshold=dict(value=0.4))


@pytest.mark.parametrize('meta', [None, {}, {'cfg': 'x = 1'}])
def test_a_checkpoint_of_another_program_has_none(meta):
    assert own_meta(meta) == {}


def test_what_is_no_dict_is_refused():
    with pytest.raises(CheckpointError, match='is a list, not a dict'):
        own_meta({'mmcd': [1]})
