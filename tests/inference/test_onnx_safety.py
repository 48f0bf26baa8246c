"""ONNX files from others: external data, loops, altered names, networks that can't be run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.exporting import skip_without_exporter

skip_without_exporter()

import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from mmcd.errors import ExportError  # noqa: E402
from mmcd.export import export_onnx  # noqa: E402
from mmcd.inference.exported import ExportedPredictor  # noqa: E402
from mmcd.inference.onnx_safety import check_onnx_file  # noqa: E402
from tests.export.models import tiny_model  # noqa: E402

RUNTIMES = ('onnxruntime', 'openvino')
TILES = np.zeros((1, 6, 64, 64), np.uint8)


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('good') / 'good.onnx'
    export_onnx(tiny_model(), path)
    return path


def external(location: str, name: str = 'w') -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key='location', value=location)
    return tensor


def graph(nodes: list | None = None, **parts: list) -> onnx.GraphProto:
    value = helper.make_tensor_value_info('x', TensorProto.FLOAT, [4])
    result = helper.make_tensor_value_info('y', TensorProto.FLOAT, [4])
    return helper.make_graph(nodes or [helper.make_node('Identity', ['x'], ['y'])], 'g', [value],
                             [result], **parts)  # fmt: skip


def hidden(place: str, location: str) -> onnx.ModelProto:
    """A model that names another file somewhere."""
    tensor = external(location)
    constant = helper.make_node('Constant', [], ['y'], value=tensor)
    if place == 'weight':
        return helper.make_model(graph(initializer=[tensor]))
    if place == 'constant':
        return helper.make_model(graph([constant]))
    if place == 'branch':
        branch = helper.make_graph([constant], 'b', [], [])
        node = helper.make_node('If', ['x'], ['y'], then_branch=branch, else_branch=branch)
        return helper.make_model(graph([node]))
    if place == 'sparse':
        sparse = onnx.SparseTensorProto(values=tensor, dims=[4])
        return helper.make_model(graph(sparse_initializer=[sparse]))
    if place == 'function':
        opset = [helper.make_opsetid('', 17)]
        function = helper.make_function('d', 'f', [], ['y'], [constant], opset)
        return helper.make_model(graph(), functions=[function])
    model = helper.make_model(graph())
    model.training_info.add().algorithm.CopyFrom(graph(initializer=[tensor]))
    return model


PLACES = ('weight', 'constant', 'branch', 'sparse', 'function', 'training')
LOCATIONS = ('../../../../etc/passwd', '/etc/passwd', 'link', 'beside.bin', '/dev/zero', 'missing')


@pytest.mark.parametrize('location', LOCATIONS)
@pytest.mark.parametrize('place', PLACES)
def test_no_other_file_is_named(tmp_path: Path, place: str, location: str) -> None:
    (tmp_path / 'link').symlink_to('/etc/passwd')
    (tmp_path / 'beside.bin').write_bytes(bytes(16))
    path = tmp_path / 'model.onnx'
    path.write_bytes(hidden(place, location).SerializeToString())
    with pytest.raises(ExportError, match='names other files that hold its weights'):
        check_onnx_file(path)
    for runtime in RUNTIMES:
        with pytest.raises(ExportError, match='names other files that hold its weights'):
            ExportedPredictor(path, runtime=runtime)


def endless(kind: str) -> onnx.ModelProto:
    """A model that no runtime ever comes through, or that can't be known to end."""
    same = helper.make_node('Identity', ['x'], ['y'])
    body = graph([same])
    if kind == 'Loop':
        trips = helper.make_tensor('trips', TensorProto.INT64, [], [1 << 62])
        on = helper.make_tensor('on', TensorProto.BOOL, [], [True])
        body = helper.make_graph(
            [
                helper.make_node('Identity', ['was'], ['still']),
                helper.make_node('Sin', ['v'], ['w']),
            ],
            'body',
            [
                helper.make_tensor_value_info('i', TensorProto.INT64, []),
                helper.make_tensor_value_info('was', TensorProto.BOOL, []),
                helper.make_tensor_value_info('v', TensorProto.FLOAT, [4]),
            ],
            [
                helper.make_tensor_value_info('still', TensorProto.BOOL, []),
                helper.make_tensor_value_info('w', TensorProto.FLOAT, [4]),
            ],
        )
        node = helper.make_node('Loop', ['trips', 'on', 'x'], ['y'], body=body)
        return helper.make_model(graph([node], initializer=[trips, on]))
    if kind == 'If':
        node = helper.make_node('If', ['c'], ['y'], then_branch=body, else_branch=body)
        return helper.make_model(graph([node]))
    if kind == 'Scan':
        node = helper.make_node('Scan', ['x'], ['y'], body=body, num_scan_inputs=1)
        inner = helper.make_graph([node], 'inner', [], [])
        # Within the graph of an operator of any name.
        outer = helper.make_node('Other', ['x'], ['y'], body=inner, domain='d')
        return helper.make_model(graph([outer]))
    opsets = [helper.make_opsetid('', 17), helper.make_opsetid('d', 1)]
    functions = []
    for number in range(40):  # each calls the next one twice: 2^40 calls
        name, domain = (f'f{number + 1}', 'd') if number < 39 else ('Identity', '')
        calls = [
            helper.make_node(name, [taken], [given], domain=domain)
            for taken, given in (('a', 'b'), ('b', 'c'))
        ]
        functions.append(helper.make_function('d', f'f{number}', ['a'], ['c'], calls, opsets))
    called = graph([helper.make_node('f0', ['x'], ['y'], domain='d')])
    return helper.make_model(called, opset_imports=opsets, functions=functions)


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('Loop', 'has the operator Loop, which may never end: it was not opened'),
        ('If', 'has the operator If'),
        ('Scan', 'has the operator Scan'),
        ('functions', 'has functions, which may call each other without an end'),
    ],
)
def test_nothing_that_may_never_end_is_opened(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / 'model.onnx'
    path.write_bytes(endless(kind).SerializeToString())
    for runtime in RUNTIMES:
        with pytest.raises(ExportError, match=f'{message}.*export the model again'):
            ExportedPredictor(path, runtime=runtime)


def test_what_we_export_is_opened(good: Path) -> None:
    check_onnx_file(good)


@pytest.mark.parametrize('part', range(16))
@pytest.mark.parametrize('runtime', RUNTIMES)
def test_a_part_of_a_file_is_none(good: Path, tmp_path: Path, runtime: str, part: int) -> None:
    pytest.importorskip(runtime, reason=f'{runtime} is not installed')
    content = good.read_bytes()
    (tmp_path / 'a.onnx').write_bytes(content[: len(content) * part // 16])
    with pytest.raises(ExportError):
        ExportedPredictor(tmp_path / 'a.onnx', runtime=runtime)


def altered(good: Path, path: Path, change: str) -> Path:
    model = onnx.load(good)
    if change == 'output':
        last = next(node for node in model.graph.node if 'probability' in node.output)
        last.output[list(last.output).index('probability')] = 'other'
        model.graph.output[0].name = 'other'
    elif change == 'input':
        for node in model.graph.node:
            node.input[:] = ['earlier' if name == 'before' else name for name in node.input]
        next(each for each in model.graph.input if each.name == 'before').name = 'earlier'
    elif change == 'layout':
        _set_property(model, 'mmcd.layout', '"stacked"')
    else:
        key, _, value = change.partition('=')
        _set_property(model, f'mmcd.{key}', value)
    onnx.save(model, path)
    return path


def _set_property(model: onnx.ModelProto, key: str, value: str) -> None:
    next(each for each in model.metadata_props if each.key == key).value = value


@pytest.mark.parametrize('runtime', RUNTIMES)
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ('output', 'but by its properties it takes before, after and gives probability'),
        ('input', 'but by its properties it takes before, after'),
        ('layout', 'but by its properties it takes pair and gives'),
        ('size_divisor=1000003', 'damaged.*size_divisor is 1000003'),
        ('size_divisor=true', 'damaged.*size_divisor is True'),
        ('tile_size=99999999', 'damaged.*tile_size is 99999999'),
        ('threshold=NaN', 'damaged.*threshold is nan'),
        ('threshold=7', 'damaged.*threshold is 7'),
        ('format="2"', "damaged.*format is '2'"),
        ('classes=3', 'damaged'),
        ('image={"bands": 3}', 'damaged'),
        ('layout=[]', 'damaged'),
    ],
)
def test_what_does_not_fit_its_properties(
    good: Path, tmp_path: Path, runtime: str, change: str, message: str
) -> None:
    pytest.importorskip(runtime, reason=f'{runtime} is not installed')
    path = altered(good, tmp_path / 'a.onnx', change)
    with pytest.raises(ExportError, match=message):
        ExportedPredictor(path, runtime=runtime)


@pytest.mark.parametrize('runtime', RUNTIMES)
@pytest.mark.parametrize('operator', ['Reshape', 'ConstantOfShape', 'Slice'])
def test_what_cannot_be_run_is_one_message(
    good: Path, tmp_path: Path, runtime: str, operator: str
) -> None:
    pytest.importorskip(runtime, reason=f'{runtime} is not installed')
    path = tmp_path / 'a.onnx'
    onnx.save(unrunnable(onnx.load(good), operator), path)
    with pytest.raises(ExportError):
        ExportedPredictor(path, runtime=runtime).predict(TILES)


def unrunnable(model: onnx.ModelProto, operator: str) -> onnx.ModelProto:
    """The probability goes through an operation that fails, or gives another shape."""
    last = next(node for node in model.graph.node if 'probability' in node.output)
    last.output[list(last.output).index('probability')] = 'inner'
    numbers = dict(Reshape=[7, -1, 13], ConstantOfShape=[1 << 18, 1 << 18], Slice=[0])[operator]
    constant = helper.make_tensor('numbers', TensorProto.INT64, [len(numbers)], numbers)
    model.graph.initializer.append(constant)
    if operator == 'ConstantOfShape':
        made = [helper.make_node('ConstantOfShape', ['numbers'], ['probability'])]
    elif operator == 'Reshape':
        made = [helper.make_node('Reshape', ['inner', 'numbers'], ['probability'])]
    else:
        stop = helper.make_tensor('stop', TensorProto.INT64, [1], [0])
        model.graph.initializer.append(stop)
        made = [helper.make_node('Slice', ['inner', 'numbers', 'stop'], ['probability'])]
    model.graph.node.extend(made)
    del model.graph.value_info[:]
    model.graph.output[0].type.tensor_type.ClearField('shape')
    return model
