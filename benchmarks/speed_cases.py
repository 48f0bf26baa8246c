"""What `speed.py` measures: networks, cases, variants, and the jobs made of them.

Nothing of PyTorch is imported here: the process that plans the jobs stays small and starts at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Network:
    """A network by its config, and its slim counterpart for trying the command."""

    config: str
    slim: str


NETWORKS = {
    'darnet': Network('darnet_levir.py', 'darnet_sample.py'),
    'prx': Network('prx_levir.py', 'prx_sample.py'),
    'prx_cross': Network('prx_levir_cross.py', 'prx_sample_cross.py'),
}


@dataclass(frozen=True)
class Case:
    """A batch of pairs for inference, or for a training step."""

    batch: int
    height: int
    width: int
    training: bool = False

    @property
    def name(self) -> str:
        size = self.height if self.height == self.width else f'{self.height}x{self.width}'
        return f'{"train-" if self.training else ""}{self.batch}x{size}'

    @property
    def quarter(self) -> Case:
        """A quarter as high and wide."""
        return replace(self, height=self.height // 4, width=self.width // 4)


CASES = {
    case.name: case
    for case in (
        Case(1, 256, 256),
        Case(4, 256, 256),
        Case(8, 256, 256),
        Case(1, 512, 512),
        Case(1, 1024, 1024),
        Case(4, 256, 256, training=True),
    )
}
PROFILED = '1x256'

# glibc gives large freed blocks back to the system and is given them anew, page by page; `kept`
# tells it to keep them.
ALLOCATORS = {
    'default': {},
    'kept': {'MALLOC_MMAP_MAX_': '0', 'MALLOC_TRIM_THRESHOLD_': '100000000000'},
}


@dataclass(frozen=True)
class Variant:
    """One way to run a case: see `speed_inference.py` and `speed_training.py`."""

    name: str
    precision: str

    @property
    def is_exported(self) -> bool:
        return self.name in EXPORTED


PLAIN = Variant('plain', 'float32')
EXPORTED = {'ONNX Runtime': ('float32',), 'OpenVINO': ('float32', 'bfloat16')}
VARIANT_NAMES = (
    'plain',
    'as trained',
    'autocast',
    'optimised',
    'compiled',
    *EXPORTED,
    'mixed precision',
    'activation checkpointing',
)


def inference_variants(device: str, *, compiled: bool, exported: bool) -> Iterator[Variant]:
    """Those to measure on a device; the reference first."""
    precisions = ['float32', 'bfloat16', *(['float16'] if device.startswith('cuda') else [])]
    yield PLAIN
    yield Variant('as trained', 'float32')
    yield Variant('autocast', 'bfloat16')
    for precision in precisions:
        yield Variant('optimised', precision)
    if compiled:
        for precision in precisions:
            yield Variant('compiled', precision)
    if exported:
        for name, own_precisions in EXPORTED.items():
            for precision in own_precisions:
                yield Variant(name, precision)


def training_variants(network: str, device: str) -> Iterator[Variant]:
    """Those to measure of a network on a device; the reference first."""
    yield PLAIN
    yield Variant('as trained', 'float32')
    yield Variant('mixed precision', 'float16' if device.startswith('cuda') else 'bfloat16')
    if network == 'darnet':
        yield Variant('activation checkpointing', 'float32')
    # A further way to train: one line here, and its entry in speed_training.CHANGES.


@dataclass(frozen=True)
class Job:
    """What one child process does.

    Args:
        kind: 'time' (all variants in turns), 'memory' (one variant), 'export' or 'profile'.
        network: its name in the report.
        config: its config file's name.
        case: the batch.
        allocator: one of ALLOCATORS.
        variants: what to run.
        device: 'cpu' or 'cuda'.
        rounds: turns of each variant.
        turn_seconds: short runs are repeated to about this long.
        small_peak: measure the machine's peak by small arrays, to try the command.
        threads: PyTorch's; None leaves its choice.
        onnx: the exported network.
    """

    kind: str
    network: str
    config: str
    case: Case
    allocator: str = 'default'
    variants: tuple[Variant, ...] = ()
    device: str = 'cpu'
    rounds: int = 7
    turn_seconds: float = 0.2
    small_peak: bool = False
    threads: int | None = None
    onnx: str | None = None

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Job:
        """The inverse of :meth:`to_dict`."""
        variants = tuple(Variant(**variant) for variant in content['variants'])
        return cls(**{**content, 'case': Case(**content['case']), 'variants': variants})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def title(self) -> str:
        names = [f'{v.name} {v.precision}' for v in self.variants]
        which = names[0] if len(names) == 1 else f'{len(names)} variants'
        return f'{self.kind} {self.network} {self.case.name} {self.allocator}: {which}'


def per_variant(job: Job) -> list[Job]:
    """For the memory: one job a variant."""
    return [replace(job, kind='memory', variants=(variant,)) for variant in job.variants]
