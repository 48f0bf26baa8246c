"""Command-line arguments that several tools share.

Imports are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from mmcd.errors import ConfigError
from mmcd.parallel import usable_cores


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that MMSegmentation's users know."""
    parser.add_argument(
        '--work-dir',
        help='folder of logs and checkpoints (default: work_dirs/NAME_OF_CONFIG)',
    )
    parser.add_argument('--amp', action='store_true', help='run in mixed precision')
    add_memory_argument(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help='replace settings of the config, such as data_root=FOLDER train_cfg.max_iters=4; '
        'a list is written key="[a,b]" or key=a,b, without white space',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed run are started (default: none)',
    )
    add_trust_argument(parser)
    parser.add_argument(
        '--debug', action='store_true', help='show the stack trace of an error (in every tool)'
    )
    # Launchers of before torchrun pass it; torchrun sets the environment instead.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


def add_model_arguments(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that a model is built and loaded with."""
    group.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='replace settings of the config'
    )
    add_trust_argument(group)


def add_trust_argument(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the option that lets a checkpoint run code."""
    group.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that hold other objects than tensors: this runs code from the file, '
        'so name it only for files whose origin you trust',
    )


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how many processes share the work."""
    parser.add_argument(
        '--workers',
        type=int,
        default=usable_cores(),
        help='processes (default: the cores that this process may use, %(default)s)',
    )


def add_memory_argument(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the option for :func:`mmcd.inference.allocator.keep_freed_memory`."""
    group.add_argument(
        '--keep-memory',
        action=argparse.BooleanOptionalAction,
        help='keep freed memory in the process: up to twice as fast on Linux CPUs, but the '
        'process stays at its peak size (default: where no GPU is used)',
    )


def add_inference_arguments(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that say how a trained network runs."""
    group.add_argument(
        '--precision',
        choices=['float32', 'bfloat16', 'float16'],
        help='number format of the network: bfloat16 is faster on GPUs and on processors with AMX '
        'or AVX-512 BF16, float16 on GPUs (default: float32)',
    )
    group.add_argument(
        '--compile',
        action='store_true',
        help='use torch.compile: the first batch of each size takes about a minute',
    )
    group.add_argument(
        '--as-trained',
        action='store_true',
        help='run the network as it was trained, not restructured for inference: for figures in '
        'papers; the same up to rounding, and slower',
    )
    group.add_argument(
        '--tta',
        nargs='?',
        const='flips',
        default=False,
        choices=['flips', 'd4', 'exchange', 'flips+exchange', 'd4+exchange'],
        help='average over views of each pair: flips (3 views; --tta alone), d4 (flips and quarter '
        'turns, 8), exchange (both orders of the dates, 2), or both kinds',
    )


def add_runtime_argument(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the option that says what runs an exported model."""
    group.add_argument(
        '--runtime',
        choices=['onnxruntime', 'openvino'],
        help='what runs an exported model (.onnx) (default: onnxruntime)',
    )


def inference_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What these options ask of :func:`mmcd.inference.make_predictor`."""
    return dict(
        precision=_precision(args),
        compile=args.compile,
        optimize=not args.as_trained,
        tta=args.tta,
    )


def _precision(args: argparse.Namespace) -> str | None:
    """Of the commands that have it, ``--amp`` asks for the reduced precision of the device."""
    if args.precision is not None or not ('amp' in args and args.amp):
        return args.precision
    from mmengine.device import get_device  # heavy: not before the arguments are known to be good

    from mmcd.inference.precision import reduced_precision

    return reduced_precision(get_device())


def add_result_arguments(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that say where a result is recorded, and what its intervals are made over."""
    group.add_argument(
        '--result',
        metavar='FILE.json',
        help='write figures with 95%% intervals, the counts of every image and the protocol into '
        'this file',
    )
    group.add_argument(
        '--detail',
        action='store_true',
        help='also score objects, boundaries and probabilities: object and boundary F1, average '
        'precision, calibration',
    )
    group.add_argument(
        '--report',
        metavar='DIR',
        help='write a web page about the result into DIR, with every image to look at; it needs '
        'no server and no network. The result is there as result.json, too',
    )
    group.add_argument(
        '--group-by',
        metavar='REGEX',
        help='intervals are over images; crops of one image are recognised by their names, whose '
        'part in parentheses is that image (default: SCENE_ROW_COLUMN)',
    )


def add_layout_arguments(group: argparse._ArgumentGroup, default: str = '') -> None:
    """Add the options that say where a folder's pairs lie and what their labels mean.

    Args:
        group: the part of ``--help`` that they are shown in.
        default: what is said of the folders' names where none is given.
    """
    group.add_argument('--before', metavar='NAME', help=f'folder of the first date{default}')
    group.add_argument('--after', metavar='NAME', help=f'folder of the second date{default}')
    group.add_argument('--label', metavar='NAME', help=f'folder of the labels{default}')
    group.add_argument(
        '--classes',
        nargs='+',
        default=['unchanged', 'changed'],
        metavar='NAME',
        help='classes of the labels, unchanged first (default: unchanged changed)',
    )
    group.add_argument(
        '--label-values',
        type=int,
        nargs='+',
        metavar='V',
        help='label values of the classes and, if any, of ignored pixels (default: 0 255)',
    )
    group.add_argument(
        '--label-threshold', type=int, metavar='V', help='instead: changed where greater than V'
    )


def layout_options(args: argparse.Namespace) -> dict[str, Any]:
    """The parts of a :class:`mmcd.datasets.layout.PairLayout` that the arguments name.

    Raises:
        ConfigError: the label values are not one for each class, and perhaps one more, or there
            are values and a threshold.
    """
    named = dict(before_dir=args.before, after_dir=args.after, label_dir=args.label)
    options: dict[str, Any] = {key: name for key, name in named.items() if name}
    classes, values, threshold = args.classes, args.label_values, args.label_threshold
    if values and (threshold is not None or len(values) - len(classes) not in (0, 1)):
        names = ' '.join(classes).upper()
        raise ConfigError(
            f'Labels have a value for each class (--label-values {names}), one more for ignored '
            f'pixels, or a threshold instead (--label-threshold V); got {values} and {threshold}.'
        )
    if len(classes) != 2 and not values:
        raise ConfigError(f'The classes {" ".join(classes)} need their --label-values.')
    if values:
        options['label_encoding'] = dict(zip([*classes, 'ignored'], values, strict=False))
    elif threshold is not None:
        options['label_encoding'] = dict(threshold=threshold)
    return options


def with_negative_numbers(argv: Sequence[str] | None) -> list[str]:
    """The words of a command line, with those like -inf and -1e3 marked as values.

    argparse takes them for options; -5 and -0.5 alone it knows as numbers. A word with a blank in
    it is none of its options, and the blank does not matter to a number.

    Args:
        argv: the words; None: those of the process.
    """
    words = sys.argv[1:] if argv is None else argv
    return [f' {word}' if word.startswith('-') and _is_number(word) else word for word in words]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def parse_cfg_options(options: Sequence[str] | None) -> dict[str, Any]:
    """Settings from ``KEY=VALUE`` words, read as MMEngine's DictAction reads them.

    A value with a blank in it that is no list is text, such as a folder's name: DictAction would
    take the blank out.

    Raises:
        ConfigError: a word without '=' or without a key, or brackets that don't match.
    """
    wrong = [word for word in options or () if not word.partition('=')[0] or '=' not in word]
    if wrong:
        raise ConfigError(
            f'--cfg-options takes KEY=VALUE, such as data_root=FOLDER, but got: {" ".join(wrong)}.'
        )
    if not options:
        return {}
    from mmengine.config import DictAction  # heavy: not before the arguments are known to be good

    parser, found = argparse.ArgumentParser(), argparse.Namespace(settings={})
    read = DictAction([], 'settings')
    for word in options:
        key, _, value = word.partition('=')
        if ' ' in value.strip() and not value.lstrip().startswith(('[', '(')):
            found.settings[key] = value.strip('\'"')
            continue
        try:
            read(parser, found, [word])
        except AssertionError as error:
            raise ConfigError(f'--cfg-options: cannot read {word}: {error}.') from error
    return found.settings
