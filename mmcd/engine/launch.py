"""What a training or test run needs before its runner is built."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

# The registries would import it at the first look-up, outside of where the tools keep the stack's
# chatter out.
import mmseg.datasets  # noqa: F401
import torch
from mmengine.config import Config, ConfigDict
from mmengine.utils import import_modules_from_strings
from torch import distributed

from mmcd.cli.arguments import parse_cfg_options
from mmcd.config import load_config
from mmcd.config_checks import check_config
from mmcd.errors import ConfigError
from mmcd.inference.allocator import keep_freed_memory
from mmcd.io.checkpoint_file import first_line
from mmcd.io.checkpoints import use_safe_loading
from mmcd.io.run_lock import hold_lock
from mmcd.parallel import usable_cores
from mmcd.weights import NAMES, find_model_file

# What a launcher puts into the environment of the processes that it starts, and how it is called.
LAUNCHERS: dict[str, tuple[tuple[str, ...], str]] = {
    'pytorch': (
        ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
        'torchrun or tools/dist_train.sh CONFIG NUMBER',
    ),
    'slurm': (('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'), 'srun or tools/slurm_train.sh'),
    'mpi': (
        ('OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
        'mpirun',
    ),
}
NUMBERS = {name for names, _ in LAUNCHERS.values() for name in names} - {
    'MASTER_ADDR',
    'SLURM_NODELIST',
}


def prepare_run(args: Namespace) -> Config:
    """The config of a run from its arguments (see :func:`mmcd.cli.arguments.add_run_arguments`).

    Also starts the processes' group where there is no GPU, and makes loading safe. Where the
    arguments name a checkpoint, ``load_from`` is left out of the config.

    Raises:
        ConfigError: the config or an option can't be used.
    """
    options = parse_cfg_options(args.cfg_options)
    cfg = load_config(args.config, options)
    _import_custom(cfg, options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if not cfg.get('model'):
        raise ConfigError(
            f'The config {args.config} has no `model`: there is nothing to train or to test. Start '
            'from one of those that come with mmcd, such as darnet_sample.'
        )
    check_config(cfg)
    if hasattr(args, 'checkpoint'):
        # load_from says where a training starts. MMEngine would load it over what is to be tested.
        cfg.load_from = None
        cfg.resume = False  # as a config says that a resumed run has left
        if args.checkpoint in NAMES:  # others may be addresses, which are no paths
            args.checkpoint = str(find_model_file(args.checkpoint))
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    _check_launched(args.launcher)
    use_kept_memory(args.keep_memory)
    _fit_workers(cfg)
    use_safe_loading(trusted=args.trust_checkpoint)
    if args.launcher == 'pytorch' and not torch.cuda.is_available():
        _start_on_cpu(cfg)
    return cfg


def _import_custom(cfg: Config, options: Mapping[str, Any]) -> None:
    """Import what the command line adds to the modules that the file has had imported."""
    if not any(key.partition('.')[0] == 'custom_imports' for key in options):
        return
    try:
        import_modules_from_strings(**cfg.custom_imports)
    except (ImportError, TypeError) as error:
        raise ConfigError(f'custom_imports={dict(cfg.custom_imports)}: {error}') from error


@contextmanager
def locked_work_dir(cfg: Config) -> Iterator[None]:
    """Keep other training runs out of the work dir while the block runs.

    Of a distributed run, the first process holds the lock.

    Raises:
        InUseError: another run trains there.
        ConfigError: nothing can be written there.
    """
    if _rank_at_start(cfg.get('launcher', 'none')) != 0:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(
                hold_lock(Path(cfg.work_dir) / '.lock', f'the work dir {cfg.work_dir}')
            )
        except OSError as error:
            raise ConfigError(
                f'Cannot write to the work dir {cfg.work_dir}: {error}. Name a folder that is '
                'yours to write: --work-dir DIR.'
            ) from error
        yield


def _rank_at_start(launcher: str) -> int:
    """This process's number as its launcher gives it, before the processes have met.

    Without ``--launcher`` it trains alone, whatever has started it.
    """
    names = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')
    return int(os.environ.get(names.get(launcher, ''), 0))


def use_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision: float16 with loss scaling on a GPU, bfloat16 on the CPU.

    Raises:
        ConfigError: the config's optimizer wrapper is none that this can replace.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind in ('AmpOptimWrapper', 'BFloat16OptimWrapper'):
        return
    if kind != 'OptimWrapper':
        raise ConfigError(
            f'--amp replaces an optim_wrapper of type OptimWrapper, but the config has {kind}. '
            'Set mixed precision in the config itself.'
        )
    if torch.cuda.is_available():
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    else:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'


def use_kept_memory(wanted: bool | None) -> None:
    """Keep freed memory in the process, or say that what is asked for can't be done here.

    Args:
        wanted: None: where the processor computes. The memory of a GPU is kept by PyTorch.
    """
    keep = not torch.cuda.is_available() if wanted is None else wanted
    if keep and not keep_freed_memory() and wanted:
        logging.getLogger('mmcd').warning(
            '--keep-memory has no effect here: it is for Linux with glibc.'
        )


def add_hook(cfg: Config, hook: dict) -> None:
    """Append a hook to the config's own."""
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), ConfigDict(hook)]


def require_hook(cfg: Config, name: str) -> None:
    """Append a hook of ours to a config that does not have it, such as a user's own."""
    kinds = [hook.get('type') for hook in cfg.get('custom_hooks') or []]
    if name not in kinds and f'mmcd.{name}' not in kinds:
        add_hook(cfg, dict(type=f'mmcd.{name}'))


def _check_launched(launcher: str) -> None:
    """Check that the launcher that is named has started this process, and can start a run here.

    Raises:
        ConfigError: it has not: its environment is missing; or there is no GPU, which MMEngine asks
            for where Slurm or MPI starts the processes.
    """
    names, advice = LAUNCHERS.get(launcher, ((), ''))
    lacking = [name for name in names if not os.environ.get(name)]
    wrong = [
        f'{name}={os.environ[name]!r}'
        for name in names
        if name not in lacking and name in NUMBERS and not os.environ[name].isdigit()
    ]
    if lacking or wrong:
        what = f'{", ".join(lacking)} not set' if lacking else f'{", ".join(wrong)} not a number'
        raise ConfigError(
            f'--launcher {launcher} is for processes that it starts, with settings in the '
            f'environment (here: {what}). Start them with {advice}, or leave the option out '
            'for a single process.'
        )
    if launcher in ('slurm', 'mpi') and not torch.cuda.is_available():
        raise ConfigError(
            f'--launcher {launcher} is for nodes with GPUs, and this one has none. Start the '
            'processes with torchrun and --launcher pytorch, one torchrun on each node, or leave '
            'the option out for a single process.'
        )


def _start_on_cpu(cfg: Config) -> None:
    """Start the process group ourselves: MMEngine's start and its wrapper both ask for a GPU."""
    try:
        distributed.init_process_group('gloo')
    except (RuntimeError, ValueError) as error:
        where = f'{os.environ["MASTER_ADDR"]}:{os.environ["MASTER_PORT"]}'
        raise ConfigError(
            f'The processes of the run cannot meet at {where} (MASTER_ADDR:MASTER_PORT): '
            f'{first_line(error)}. Choose another port, such as PORT=29600 tools/dist_train.sh '
            'CONFIG NUMBER, and start all of them.'
        ) from error
    # MMEngine reads `find_unused_parameters` only where there is no config of the wrapper.
    defaults = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    stated = cfg.get('model_wrapper_cfg') or {}
    cfg.model_wrapper_cfg = {**defaults, **stated, 'device_ids': None}


def _fit_workers(cfg: Config) -> None:
    """No more loading processes than cores to use; none of them persistent where there are none."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if not loader:
            continue
        loader.num_workers = min(loader.get('num_workers', 0), usable_cores())
        if loader.num_workers == 0:
            loader.persistent_workers = False
