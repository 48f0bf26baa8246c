"""Attacks on the reader: pickles written opcode by opcode, none of which may run anything."""

from __future__ import annotations

import copyreg
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from mmcd.errors import CheckpointError
from mmcd.io.restricted_unpickler import read_pickled_tensors

FORMATS = pytest.mark.parametrize('new_format', [True, False], ids=['zip', 'legacy'])


def text(value: str) -> bytes:
    return b'X' + len(value.encode()).to_bytes(4, 'little') + value.encode()


def named(module: str, name: str) -> bytes:
    return f'c{module}\n{name}\n'.encode()


def named_on_stack(module: str, name: str) -> bytes:
    return text(module) + text(name) + b'\x93'


def as_tuple(*items: bytes) -> bytes:
    return b'(' + b''.join(items) + b't'


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + as_tuple(*arguments) + b'R'


def as_dict(**items: bytes) -> bytes:
    return b'}(' + b''.join(text(key) + value for key, value in items.items()) + b'u'


def built(target: bytes, state: bytes) -> bytes:
    return target + state + b'b'


def write(path: Path, content: bytes, *, new_format: bool) -> None:
    """A checkpoint file around the opcodes of its content."""
    program = b'\x80\x04' + content + b'.'
    if new_format:
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('a/data.pkl', program)
            archive.writestr('a/version', '3\n')
            archive.writestr('a/byteorder', 'little')
        return
    info = dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
    start = b''.join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, info))
    path.write_bytes(start + program + pickle.dumps([], 2))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch) -> Path:
    """A file that no attack makes, in the folder where they all run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'made'


def refuse(tmp_path: Path, content: bytes, new_format: bool, match: str = r'\S') -> None:
    write(tmp_path / 'a.pth', content, new_format=new_format)
    with pytest.raises(CheckpointError, match=match):
        read_pickled_tensors(tmp_path / 'a.pth')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.pth']


MAKE = "open('made', 'w')"
FORBIDDEN = [
    ('os', 'system', 'touch made'),
    (os.name, 'system', 'touch made'),
    ('subprocess', 'Popen', 'touch made'),
    ('subprocess', 'check_output', 'touch made'),
    ('builtins', 'eval', MAKE),
    ('builtins', 'exec', MAKE),
    ('builtins', 'getattr', 'x'),
    ('builtins', '__import__', 'os'),
    ('builtins', 'open', 'made'),
    ('builtins', 'type', 'x'),
    ('__builtin__', 'eval', MAKE),
    ('runpy', 'run_path', 'made.py'),
    ('importlib', 'import_module', 'antigravity'),
    ('functools', 'partial', 'x'),
    ('operator', 'attrgetter', 'system'),
    ('operator', 'methodcaller', 'system'),
    ('pickle', 'loads', 'x'),
    ('_pickle', 'loads', 'x'),
    ('copyreg', '_reconstructor', 'x'),
    ('copyreg', '__newobj__', 'x'),
    ('copy_reg', '_reconstructor', 'x'),
    ('collections', 'defaultdict', 'x'),
    ('torch', 'load', 'x'),
    ('torch', 'save', 'x'),
    ('torch', 'from_file', 'made'),
    ('torch', 'UntypedStorage', 'x'),
    ('torch', 'nn.modules.module.os.system', 'touch made'),
    ('torch.nn', 'Linear', 'x'),  # its classes are named by their own modules
    ('torch.hub', 'load', 'x'),
    ('torch.hub', 'load_state_dict_from_url', 'x'),
    ('torch.jit', 'load', 'x'),
    ('torch._utils', '_rebuild_wrapper_subclass', 'x'),
    ('torch._utils', '_import_dotted_name', 'os.system'),
    ('torch._tensor', '_rebuild_from_type_v2', 'x'),
    ('torch.utils.cpp_extension', 'load', 'x'),
    ('torch.storage', '_load_from_bytes', 'x'),
    ('torch.serialization', 'load', 'x'),
    ('torch.distributed.rpc.internal', '_run_function', 'x'),
]
INERT_UNTIL_CALLED = [
    ('numpy', 'load', 'x'),
    ('numpy.core.multiarray', '_reconstruct', 'x'),
    ('numpy._core.multiarray', 'scalar', 'x'),
    ('__main__', 'os.system', 'touch made'),
    ('torch.nn.modules.module', 'os.system', 'touch made'),
    ('torch.nn.modules.module.os', 'system', 'touch made'),
    ('torch.nn.functional', 'relu', 'x'),
    ('torch.nn.modules.linear', 'Linear', 'x'),
    ('mmcd.io.restricted_unpickler', 'torch.load', 'x'),
    ('mmcd.io.restricted_unpickler', 'pickle.loads', 'x'),
    ('mmengine.fileio', 'load', 'x'),
    ('mmengine.utils', 'import_modules_from_strings', 'antigravity'),
    ('project.models', 'Network', 'x'),
]


@FORMATS
@pytest.mark.parametrize('name', [named, named_on_stack])
@pytest.mark.parametrize('attack', FORBIDDEN, ids='.'.join)
def test_code_is_refused_by_name(tmp_path, canary, new_format, name, attack):
    module, function, argument = attack
    expected = rf'a\.pth: The file names {module}\.{function}, .* it was not read'
    match = expected if function != 'UntypedStorage' else 'not read|cut short'
    refuse(tmp_path, called(name(module, function), text(argument)), new_format, match)
    # Also where it is only named, and where other opcodes would call it.
    refuse(tmp_path, name(module, function), new_format, match)


@FORMATS
@pytest.mark.parametrize('name', [named, named_on_stack])
@pytest.mark.parametrize('attack', INERT_UNTIL_CALLED, ids='.'.join)
def test_parts_of_networks_are_never_called(tmp_path, canary, new_format, name, attack):
    module, function, argument = attack
    target = name(module, function)
    match = rf'The file calls {module}\.{function}, which no pickled network needs'
    refuse(tmp_path, called(target, text(argument)), new_format, match)
    refuse(tmp_path, called(target), new_format, match)
    # OBJ; INST; NEWOBJ and NEWOBJ_EX with arguments
    refuse(tmp_path, b'(' + target + text(argument) + b'o', new_format, match)
    refuse(tmp_path, b'(' + text(argument) + f'i{module}\n{function}\n'.encode(), new_format, match)
    refuse(tmp_path, target + as_tuple(text(argument)) + b'\x81', new_format)
    refuse(tmp_path, target + as_tuple() + as_dict(command=text(argument)) + b'\x92', new_format)
    # A key or an item set, and attributes changed, on the class itself.
    refuse(tmp_path, target + as_dict(a=text('b')) + b's', new_format)
    refuse(tmp_path, built(target, as_dict(origin=text('x'))), new_format)
    refuse(tmp_path, built(target, as_tuple(b'N', as_dict(origin=text('x')))), new_format)


@FORMATS
def test_an_extension_code_is_looked_up_like_a_name(tmp_path, canary, new_format):
    copyreg.add_extension(os.name, 'system', 0x70)
    try:
        refuse(tmp_path, called(b'\x82\x70', text('touch made')), new_format, 'names .*system')
    finally:
        copyreg.remove_extension(os.name, 'system', 0x70)


@FORMATS
@pytest.mark.parametrize(
    'function', ['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter']
)
def test_pytorch_s_functions_cannot_be_changed(tmp_path, canary, new_format, function):
    original = getattr(torch._utils, function)
    before = (original.__name__, original.__defaults__, dict(original.__dict__))
    target = named('torch._utils', function)
    match = 'The file changes a function'
    for state in (
        as_dict(dump_patches=b'\x88'),
        as_tuple(b'N', as_dict(__name__=text('made'), __defaults__=as_tuple(text('x')))),
        as_tuple(as_dict(a=b'N'), as_dict(dump_patches=b'\x88')),
    ):
        refuse(tmp_path, built(target, state), new_format, match)
    assert (original.__name__, original.__defaults__, dict(original.__dict__)) == before


@FORMATS
@pytest.mark.parametrize('owner', [('collections', 'OrderedDict'), ('torch', 'Size')])
def test_classes_cannot_be_changed(tmp_path, canary, new_format, owner):
    refuse(tmp_path, built(named(*owner), as_dict(a=b'N')), new_format, 'changes a function')


@FORMATS
def test_storage_types_cannot_be_changed(tmp_path, canary, new_format):
    before = dict(vars(torch.FloatStorage))
    state = as_tuple(as_dict(_dtype=b'N'), as_dict(dtype=text('x')))
    refuse(tmp_path, built(named('torch', 'FloatStorage'), state), new_format)
    assert dict(vars(torch.FloatStorage)) == before


def test_no_patch_of_a_source_is_written(tmp_path, canary):
    """Old files bring their classes' source; PyTorch may write how it differs beside the caller."""
    for target in (
        named('torch._utils', '_rebuild_tensor'),
        named('project', 'Network'),
        built(named('project', 'Network') + b')\x81', as_dict(dump_patches=b'\x88')),
        called(named('collections', 'OrderedDict')),
    ):
        identifier = as_tuple(text('module'), target, text('made'), text('import os\n'))
        write(tmp_path / 'a.pth', identifier + b'Q', new_format=False)
        with pytest.raises(CheckpointError):
            read_pickled_tensors(tmp_path / 'a.pth')
        assert sorted(path.name for path in tmp_path.iterdir()) == ['a.pth']


@FORMATS
@pytest.mark.parametrize(
    'content',
    [
        # Tensors and parameters of what is none.
        called(named('torch._utils', '_rebuild_tensor_v2'), text('x'), *[b'K\x00'] * 5),
        called(named('torch._utils', '_rebuild_tensor'), named('p', 'N'), *[b'K\x00'] * 3),
        called(named('torch._utils', '_rebuild_parameter'), text('x'), b'\x88', b'N'),
        called(named('torch._utils', '_rebuild_parameter'), named('p', 'N'), b'\x88', b'N'),
        called(named('torch._utils', '_rebuild_parameter')),
        # Modules whose state is odd.
        built(named('p', 'N') + b')\x81', text('x')),
        built(named('p', 'N') + b')\x81', as_tuple(b'N', text('x'))),
        built(named('p', 'N') + b')\x81', as_dict(_modules=b'K\x01')),
        built(named('p', 'N') + b')\x81', as_dict(_modules=b'}', _parameters=as_dict(w=b'K\x01'))),
        named('p', 'N') + b')\x81',
        # A module that is its own child, and an unending tower of calls.
        named('p', 'N') + b')\x81\x94' + as_dict(
            _parameters=b'}', _buffers=b'}', _modules=as_dict(a=b'h\x00')
        ) + b'b',
        # What PyTorch itself looks for.
        text('x') + b'Q',
        as_tuple(text('storage'), named('torch', 'FloatStorage'), text('0'), text('cpu'), b'N')
        + b'Q',
        as_tuple(text('storage'), named('p', 'N'), text('0'), text('cpu'), b'K\x01') + b'Q',
        b'h\x09',
        b'0',
    ],
)  # fmt: skip
def test_malformed_content_is_refused(tmp_path, canary, new_format, content):
    refuse(tmp_path, content, new_format)


def test_a_storage_that_claims_more_than_the_file_holds(tmp_path, canary):
    """PyTorch's own check, on which no read beyond the file rests."""
    huge = b'\x8a\x08' + (2**50).to_bytes(8, 'little')
    for key in ('FloatStorage', 'ByteStorage'):
        storage = as_tuple(text('storage'), named('torch', key), text('0'), text('cpu'), huge, b'N')
        refuse(tmp_path, storage + b'Q', new_format=False)
