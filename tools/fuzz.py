"""Feed random files to mmcd's readers for a while.

    python tools/fuzz.py [--seconds 60] [--reader NAME ...]

Each reader gets files that it takes, altered at random: bytes flipped, cut out, doubled, set to
their limits, parts of other files put in. A reader may give a result, or raise an error of mmcd's.
Anything else (another exception, a crash, more than --limit seconds for one file) is a find: the
file is kept under a name that holds the seed.

Exit code: 0 without a find, 1 with finds, 2 for wrong use.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

EXIT_FOUND = 1
LIMITS = (0, 1, 0x7F, 0x80, 0xFF)

Reader = Callable[[Path], object]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Feed random files to mmcd's readers.")
    parser.add_argument('--seconds', type=float, default=60, help='for all readers (default: 60)')
    parser.add_argument('--seed', type=int, default=0, help='another seed tries other files')
    parser.add_argument('--limit', type=float, default=20, help='seconds for one file')
    parser.add_argument('--memory', type=float, default=8, help='GB of addresses for all')
    parser.add_argument('--keep', type=Path, default=Path('fuzz_finds'), help='folder for finds')
    parser.add_argument('--reader', nargs='+', metavar='NAME', help='only these (default: all)')
    return parser.parse_args(argv)


def mutate(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A file that is almost the given one."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        at = rng.randrange(len(data))
        length = min(rng.choice((1, 2, 4, 8, 64, 512)), len(data) - at)
        match rng.randrange(7):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + length] = bytes([rng.choice(LIMITS)]) * length
            case 2:
                data[at : at + length] = rng.randbytes(length)
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                other = rng.choice(others)
                begin = rng.randrange(len(other) or 1)
                data[at : at + length] = other[begin : begin + length]
            case 6:
                del data[at:]
    return bytes(data)


def label_files(folder: Path) -> Iterator[bytes]:
    """Labels in every form that the tests know."""
    from tests.datasets.test_label_file import DOUBTFUL, RIGHT, masks

    for maker in (*RIGHT.values(), *DOUBTFUL.values()):
        yield maker(masks()['some'])


def read_label(path: Path) -> object:
    from mmcd.datasets.label_encoding import LabelEncoding
    from mmcd.datasets.label_file import decode_label, take_single_band

    band = take_single_band(decode_label(path.read_bytes(), str(path)), str(path))
    return LabelEncoding(unchanged=0, changed=255).decode(band, str(path))


def read_image(path: Path) -> object:
    from mmcd.io.images import read_image as read

    return read(path)


def checkpoint_files(folder: Path) -> Iterator[bytes]:
    import torch

    weights = {f'layer_{n}.weight': torch.arange(6.0).view(2, 3) for n in range(3)}
    content = {'state_dict': weights, 'meta': {'iter': 3, 'cfg': 'a = 1', 'names': ['x']}}
    for new in (True, False):
        torch.save(content, folder / 'a.pth', _use_new_zipfile_serialization=new)
        yield (folder / 'a.pth').read_bytes()
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), folder / 'b.pth')
    yield (folder / 'b.pth').read_bytes()


def read_checkpoint(path: Path) -> object:
    from mmcd.io.checkpoints import read_checkpoint as read

    return read(path)


def convert_checkpoint(path: Path) -> object:
    from mmcd.io.restricted_unpickler import read_pickled_tensors

    return read_pickled_tensors(path)


def onnx_files(folder: Path) -> Iterator[bytes]:
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in ('x', 'y')]
    weight = helper.make_tensor('w', TensorProto.FLOAT, [4], [1, 2, 3, 4])
    node = helper.make_node('Add', ['x', 'w'], ['y'])
    graph = helper.make_graph([node], 'g', value[:1], value[1:], initializer=[weight])
    model = helper.make_model(graph)
    for key, text in properties().items():
        model.metadata_props.add(key=key, value=text)
    yield model.SerializeToString()
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key='location', value='../../etc/passwd')
    yield model.SerializeToString()


def properties() -> dict[str, str]:
    """Those of an exported file."""
    from mmcd.inference.export_metadata import SEPARATE, ExportMetadata
    from mmcd.structures import BINARY_CHANGE, RGB_8BIT

    return ExportMetadata(
        network='UNetEncoder, FCSiamHead',
        config='fc_ef_levir',
        weights_sha256='0' * 64,
        classes=BINARY_CHANGE,
        image=RGB_8BIT,
        layout=SEPARATE,
        size_divisor=16,
        threshold=0.5,
        tile_size=512,
        form='as trained',
        mmcd_version='0.1.0',
    ).to_properties()


def check_onnx(path: Path) -> object:
    from mmcd.inference.onnx_safety import check_onnx_file

    check_onnx_file(path)
    return None


def property_files(folder: Path) -> Iterator[bytes]:
    yield '\n'.join(f'{key}\t{text}' for key, text in properties().items()).encode()


def read_properties(path: Path) -> object:
    from mmcd.inference.export_metadata import ExportMetadata

    lines = path.read_bytes().decode(errors='replace').split('\n')
    pairs = (line.partition('\t') for line in lines)
    return ExportMetadata.from_properties({key: text for key, _, text in pairs}, 'x.onnx')


def config_files(folder: Path) -> Iterator[bytes]:
    yield b'model = dict(type="A", sizes=[1, -2.5], flags={"x": None}, pair=(1, "two"))\nb = 3\n'


def read_config_text(path: Path) -> object:
    from mmcd.io.literal_config import parse_config_text

    return parse_config_text(path.read_bytes().decode(errors='replace'))


def raster_files(folder: Path) -> Iterator[bytes]:
    from tests.scene.rasters import draw_ground, utm, write_raster

    for options in ({}, dict(tiled=True, compress='deflate'), dict(compress='lzw')):
        path = write_raster(folder / 'a.tif', draw_ground(40, 50), utm(), **options)
        yield path.read_bytes()
    bands = ''.join(
        f'<VRTRasterBand dataType="Byte" band="{n}"><SimpleSource><SourceFilename '
        'relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
        '</VRTRasterBand>'
        for n in (1, 2, 3)
    )
    yield f'<VRTDataset rasterXSize="50" rasterYSize="40">{bands}</VRTDataset>'.encode()


def open_scene(path: Path) -> object:
    from mmcd.scene.pair_reader import open_pair
    from mmcd.scene.settings import SceneSettings

    with open_pair(str(path), str(path), SceneSettings()) as pair:
        return pair.samples


# What each reader takes: files to begin with, and an ending.
READERS: dict[str, tuple[Callable[[Path], Iterator[bytes]], Reader, str]] = {
    'labels': (label_files, read_label, '.png'),
    'images': (label_files, read_image, '.png'),
    'tiff-images': (raster_files, read_image, '.tif'),
    'checkpoints': (checkpoint_files, read_checkpoint, '.pth'),
    'converters': (checkpoint_files, convert_checkpoint, '.pth'),
    'onnx': (onnx_files, check_onnx, '.onnx'),
    'onnx-metadata': (property_files, read_properties, '.txt'),
    'config-text': (config_files, read_config_text, '.txt'),
    'scenes': (raster_files, open_scene, '.tif'),
}


def fuzz(name: str, args: argparse.Namespace, seconds: float, counts: Counter[str]) -> None:
    """Try files with one reader until the time is up."""
    from mmcd.errors import MMCDError

    make, read, suffix = READERS[name]
    number = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seeds = list(make(folder))
        end = time.monotonic() + seconds
        path = folder / f'fuzzed{suffix}'
        while time.monotonic() < end:
            rng = random.Random(f'{args.seed} {name} {number}')
            path.write_bytes(mutate(rng.choice(seeds), seeds, rng))
            faulthandler.dump_traceback_later(args.limit, exit=True, file=sys.stderr)
            try:
                read(path)
                outcome = 'read'
            except MMCDError:
                outcome = 'refused'
            except Exception:
                outcome = 'FOUND'
                args.keep.mkdir(parents=True, exist_ok=True)
                kept = args.keep / f'{name}_{args.seed}_{number}{suffix}'
                kept.write_bytes(path.read_bytes())
                print(f'{kept}:\n{traceback.format_exc(limit=-3)}', file=sys.stderr)
            finally:
                faulthandler.cancel_dump_traceback_later()
            counts[outcome] += 1
            number += 1


def _silence_libraries() -> None:
    """Leave standard error to Python: decoders write a line for each damaged file."""
    own = os.fdopen(os.dup(2), 'w', buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stderr = own


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    unknown = set(args.reader or ()) - READERS.keys()
    if unknown:
        print(f'error: no such reader: {", ".join(unknown)}', file=sys.stderr)
        return 2
    import logging
    import warnings

    _silence_libraries()
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows; macOS, or a lower limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(args.memory * 2**30),) * 2)
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    names = args.reader or list(READERS)
    total: Counter[str] = Counter()
    for name in names:
        counts: Counter[str] = Counter()
        fuzz(name, args, args.seconds / len(names), counts)
        total += counts
        said = ', '.join(f'{counts[what]} {what}' for what in ('read', 'refused', 'FOUND'))
        print(f'{name}: {counts.total()} files: {said}', flush=True)
    print(f'{total.total()} files, {total["FOUND"]} finds (seed {args.seed})')
    return EXIT_FOUND if total['FOUND'] else 0


if __name__ == '__main__':
    sys.exit(main())
