"""Score masks on disk, of any method, as ``mmcd test`` scores a model.

    mmcd evaluate PRED_DIR LABEL_DIR --dataset levir-cd --result r.json

Masks and labels are matched by their names, whatever their endings. Masks hold 0 and 255, or 0 and
1; grey levels and floats are probabilities.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcd.cli.arguments import add_result_arguments
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmcd.datasets.label_encoding import LabelEncoding
    from mmcd.evaluation.detail import Detail
    from mmcd.evaluation.mask_files import MaskPair, MaskReader
    from mmcd.structures import ChangeClasses


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description='Score masks on disk, of any method, as mmcd test scores a model.'
    )
    parser.add_argument('predictions', metavar='PRED_DIR', type=Path, help='folder of the masks')
    parser.add_argument('labels', metavar='LABEL_DIR', type=Path, help='folder of the labels')
    parser.add_argument(
        '--dataset',
        metavar='NAME',
        help='label encoding of this data set: levir-cd, cdd, dsifn-cd ... (default: 0 and '
        '255, or 0 and 1, as the files have it)',
    )
    parser.add_argument(
        '--label-encoding',
        nargs='+',
        metavar='KEY=VALUE',
        help='instead: what the values of labels mean, such as unchanged=0 changed=255 '
        'ignored=128, or threshold=127 for lossy files; other names are kinds of change',
    )
    parser.add_argument(
        '--mask-encoding',
        nargs='+',
        metavar='KEY=VALUE',
        help='the same for the masks (default: masks or probabilities as the files have it; with '
        'several kinds of change, their numbers: 0, 1, 2 ...)',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        default=0.5,
        help='changed where the probability is greater (default: %(default)s)',
    )
    parser.add_argument(
        '--list-file', type=Path, help='text file of the names to score, one a line (default: all)'
    )
    parser.add_argument('--before', type=Path, metavar='DIR', help='folder of the first date')
    parser.add_argument('--after', type=Path, metavar='DIR', help='folder of the second date')
    parser.add_argument('--split', default='', help="the split's name, for the record")
    parser.add_argument('--metres-per-pixel', type=float, help='ground resolution of the images')
    parser.add_argument(
        '--object-min-size',
        type=int,
        default=1,
        metavar='PIXELS',
        help='with --detail: objects of fewer pixels do not count (default: %(default)s)',
    )
    parser.add_argument(
        '--boundary-tolerance',
        type=float,
        default=2.0,
        metavar='PIXELS',
        help='with --detail: how far apart boundaries may lie (default: %(default)s)',
    )
    add_result_arguments(parser)
    return parser.parse_args(argv)


def label_encoding_of(args: argparse.Namespace, pairs: list) -> tuple[dict[str, int], str]:
    """The encoding of the labels, and where it is from.

    Raises:
        ConfigError: it is stated twice, or can't be read, or there is no such data set.
    """
    from mmcd.evaluation.mask_files import find_dataset, find_label_encoding

    if args.dataset and args.label_encoding:
        raise ConfigError('--dataset and --label-encoding say the same: leave one out.')
    if args.label_encoding:
        return parse_encoding('--label-encoding', args.label_encoding), 'option'
    if args.dataset:
        kind = find_dataset(args.dataset)
        return dict(kind.LABEL_ENCODING), kind.__name__
    return find_label_encoding(pairs), 'files'


def parse_encoding(option: str, words: list[str]) -> dict[str, int]:
    """From ``KEY=VALUE`` words; '0/255' is short for unchanged=0 changed=255, a third is ignored.

    Raises:
        ConfigError: a word is none, or its value no number.
    """
    values = words[0].replace(',', '/').split('/')
    if len(words) == 1 and len(values) in (2, 3) and all(value.isdigit() for value in values):
        return dict(zip(('unchanged', 'changed', 'ignored'), map(int, values), strict=False))
    encoding = {}
    for word in words:
        key, _, value = word.partition('=')
        if not key or not value.isdigit():
            raise ConfigError(f'{option} takes KEY=NUMBER, such as changed=255; got {word!r}.')
        encoding[key] = int(value)
    return encoding


def dates_of(args: argparse.Namespace, pairs: Sequence[MaskPair]) -> dict[str, dict[str, Path]]:
    """The files of each date by image, where its folder is given.

    Raises:
        DatasetNotFoundError: an image has no file there.
        ImagePairError: an image's dates differ in size.
    """
    from mmcd.errors import DatasetNotFoundError, ImagePairError
    from mmcd.evaluation.mask_files import list_images
    from mmcd.io.images import read_header

    dates = {
        key: list_images(getattr(args, key)) for key in ('before', 'after') if getattr(args, key)
    }
    for date, files in dates.items():
        if absent := [pair.name for pair in pairs if pair.name not in files]:
            raise DatasetNotFoundError(
                f'No image of the name {absent[0]} in {getattr(args, date)}'
                + (f', and none for {len(absent) - 1} further masks.' if absent[1:] else '.')
            )
    for pair in pairs if len(dates) == 2 else ():
        before, after = (dates[date][pair.name] for date in ('before', 'after'))
        sizes = [(header.height, header.width) for header in map(read_header, (before, after))]
        if sizes[0] != sizes[1]:
            raise ImagePairError(
                f'{before} has {sizes[0]} (height, width), but {after} has {sizes[1]}: the '
                'two dates of an image must have the same size.'
            )
    return dates


def with_dates(
    images: list, args: argparse.Namespace, dates: Mapping[str, Mapping[str, Path]]
) -> list:
    """Images with the files of both dates, where they are known, and short names."""
    from dataclasses import replace

    from mmcd.evaluation.image_result import relative_to

    root = data_root_of(args)
    named = []
    for image in images:
        files = dict(
            label=relative_to(root, str(Path(image.label).absolute())),
            prediction=relative_to(args.predictions, image.prediction),
        )
        for date, found in dates.items():
            files[date] = relative_to(root, str(found[image.name].absolute()))
        named.append(replace(image, **files))
    return named


def data_root_of(args: argparse.Namespace) -> Path:
    """The folder that holds those of the labels and of the dates; else that of the labels."""
    import os

    folders = [folder.absolute() for folder in (args.labels, args.before, args.after) if folder]
    try:
        return Path(os.path.commonpath(folders)) if len(folders) > 1 else folders[0]
    except ValueError:  # on Windows, on several drives
        return folders[0]


def mask_encoding_of(args: argparse.Namespace, classes: ChangeClasses) -> LabelEncoding | None:
    """What the values of the masks mean; None: binary masks or probabilities, as the files have it.

    Raises:
        ConfigError: it can't be read, or does not fit the classes.
    """
    from mmcd.datasets.label_encoding import LabelEncoding

    if args.mask_encoding:
        stated = parse_encoding('--mask-encoding', args.mask_encoding)
        if 'ignored' in stated:
            raise ConfigError(
                '--mask-encoding gives values for the classes: a mask has a class everywhere; only '
                f'labels have ignored pixels. Leave out ignored={stated["ignored"]}.'
            )
        return LabelEncoding.from_config(stated, classes)
    if classes.is_binary:
        return None
    return LabelEncoding(**{name: index for index, name in enumerate(classes.names)})


def describe(args: argparse.Namespace, encoding: str, origin: str, masks: str) -> dict[str, Any]:
    """The protocol of the record."""
    from mmcd.engine.protocol import describe_software

    return dict(
        config=None,
        checkpoint=None,
        predictions=str(args.predictions),
        dataset=args.dataset or '',
        data_root=str(data_root_of(args)),
        split=args.split,
        label_encoding=encoding,
        label_encoding_origin=origin,
        mask_encoding=masks,
        metres_per_pixel=args.metres_per_pixel,
        mode='masks on disk',
        threshold=args.threshold,
        threshold_origin='default' if args.threshold == 0.5 else 'option',
        **describe_software(),
    )


def detail_of(args: argparse.Namespace) -> Detail | None:
    """How objects and boundaries are counted; None: they are not."""
    from mmcd.evaluation.detail import Detail

    if not args.detail and not args.report:
        return None
    return Detail(object_min_size=args.object_min_size, boundary_tolerance=args.boundary_tolerance)


def write_report(
    args: argparse.Namespace,
    record: dict[str, Any],
    pairs: list[MaskPair],
    reader: MaskReader,
    encoding: LabelEncoding,
    classes: ChangeClasses,
    dates: Mapping[str, Mapping[str, Path]],
) -> Path:
    """Write the web page, with the dates' pictures where their folders are given."""
    from mmcd.cli.progress import track
    from mmcd.evaluation.record import write_record
    from mmcd.html_report.mask_pictures import save_mask_pictures
    from mmcd.html_report.result_page import RESULT, write_result_page

    folder = Path(args.report)
    for pair in track(pairs, len(pairs), 'drawing'):
        save_mask_pictures(
            folder,
            pair,
            reader,
            encoding,
            classes,
            threshold=args.threshold,
            **{date: files[pair.name] for date, files in dates.items()},
        )
    write_record(folder / RESULT, record)
    return write_result_page(folder, record, classes=classes)


def check_arguments(args: argparse.Namespace) -> None:
    """Check what can be checked before the work, and make the report's folder.

    Raises:
        ConfigError: the threshold is none.
        FileWriteError: an output can't be written.
    """
    with quiet_imports():
        from mmcd.engine.result_file import check_result_path
        from mmcd.io.atomic import make_folder

    if not 0 <= args.threshold <= 1:
        raise ConfigError(f'--threshold must be from 0 to 1; got {args.threshold}.')
    if args.result:
        check_result_path(args.result, args.group_by)
    if args.report:
        make_folder(Path(args.report))


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmcd.cli.progress import track
        from mmcd.datasets.label_encoding import LabelEncoding
        from mmcd.datasets.layout import PairLayout
        from mmcd.datasets.pair_index import read_list_file
        from mmcd.evaluation.mask_files import MaskReader, check_sizes, index_masks, score_masks
        from mmcd.evaluation.record import make_record, write_record
        from mmcd.evaluation.table import format_record

    check_arguments(args)
    detail = detail_of(args)
    pairs = index_masks(
        args.predictions, args.labels, read_list_file(args.list_file) if args.list_file else None
    )
    check_sizes(pairs)
    dates = dates_of(args, pairs)
    stated, origin = label_encoding_of(args, pairs)
    classes = PairLayout(label_encoding=stated).classes
    encoding = LabelEncoding.from_config(stated, classes)
    reader = MaskReader([pair.prediction for pair in pairs], mask_encoding_of(args, classes))
    images = score_masks(
        track(pairs, len(pairs), 'scoring'),
        reader,
        encoding,
        classes,
        threshold=args.threshold,
        detail=detail,
        metres_per_pixel=args.metres_per_pixel,
    )
    protocol = describe(args, str(encoding), origin, reader.describe())
    record = make_record(
        with_dates(images, args, dates),
        classes,
        protocol,
        detail=detail,
        source_pattern=args.group_by,
    )
    print(f'Labels: {encoding}. Masks: {reader.describe()}.')
    print(format_record(record))
    if args.result:
        write_record(args.result, record)
        print(f'The record is in {args.result}')
    if args.report:
        print(f'Report: {write_report(args, record, pairs, reader, encoding, classes, dates)}')
