"""Refusing ONNX files that mmcd does not write, before anything opens them.

Weights in other files: runtimes have read such external data from any path that a file names (ONNX
Runtime before 1.24.3). Control flow and functions: a loop of 2^62 iterations does not end, nor do
functions of which each calls the next one twice. The few fields that tell are read here, as the
package ``onnx`` is not needed to run a model, and would read all of it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from mmcd.errors import ExportError

# Of each message of ONNX (onnx.proto), the fields that lead to tensors and operators.
CHILDREN: dict[str, dict[int, str]] = {
    'model': {7: 'graph', 20: 'training', 25: 'function'},
    'training': {1: 'graph', 2: 'graph'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse'},
    'function': {7: 'node', 11: 'attribute'},
    'node': {5: 'attribute'},
    'attribute': {5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse'},
    'sparse': {1: 'tensor', 2: 'tensor'},
    'tensor': {},
}
OPERATOR = 4  # the field of a node that names it
CONTROL_FLOW = (b'Loop', b'If', b'Scan', b'SequenceMap')  # the operators that run a graph
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of a tensor
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # protobuf's kinds of fields


def check_onnx_file(path: Path) -> None:
    """Check that a file holds all of its weights, no control flow and no functions.

    Raises:
        ExportError: it does not, or is no ONNX file, or was cut short.
    """
    try:
        with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            faults = set(_faults(data))
    except (IndexError, ValueError, OSError) as error:  # also an empty file, which can't be mapped
        raise ExportError(
            f'{path} is no ONNX file, or was cut short: {error}. Export the model again.'
        ) from error
    if faults:
        raise ExportError(
            f'{path} {" and ".join(sorted(faults))}: it was not opened. Files of '
            'tools/deployment/export_onnx.py have none of this: export the model again.'
        )


def _faults(data: mmap.mmap) -> Iterator[str]:
    waiting = [('model', 0, len(data))]
    while waiting:
        message, start, stop = waiting.pop()
        for field, begin, end in _fields(data, start, stop):
            # A location of 0 says that the data are in the file.
            if message == 'tensor' and (
                field == EXTERNAL_DATA or (field == DATA_LOCATION and any(data[begin:end]))
            ):
                yield 'names other files that hold its weights, which mmcd does not follow'
            if message == 'node' and field == OPERATOR and data[begin:end] in CONTROL_FLOW:
                yield f'has the operator {data[begin:end].decode()}, which may never end'
            if child := CHILDREN[message].get(field):
                if child == 'function':
                    yield 'has functions, which may call each other without an end'
                waiting.append((child, begin, end))


def _fields(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, first byte and the byte after the last of each field of a message."""
    at = start
    while at < stop:
        key, begin = _varint(data, at)
        kind = key & 7
        if kind == BYTES:
            length, begin = _varint(data, begin)
            end = begin + length
        elif kind == VARINT:
            end = _varint(data, begin)[1]
        elif kind in (FIXED_64, FIXED_32):
            end = begin + (8 if kind == FIXED_64 else 4)
        else:
            raise ValueError(f'a field of the unknown kind {kind} at byte {at}')
        if end > stop:
            raise ValueError(f'a field at byte {at} ends behind its message')
        yield key >> 3, begin, end
        at = end


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f'a number of more than 64 bit at byte {at}')
