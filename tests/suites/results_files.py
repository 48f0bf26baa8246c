"""Result files as a suite's runs leave them, with made-up figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcd.evaluation.record import write_record


def record_of(name: str = 'row', *, f1: float = 50.0, **run: Any) -> dict[str, Any]:
    facts = dict(
        name=name,
        benchmark='tiny',
        title='Network',
        config=name,
        seed=0,
        options={},
        config_sha256='0',
        checkpoint='best: best_change_f1_iter_4',
        parameters=1_350_000,
        multiply_adds=2_500_000_000,
        steps=800,
        batch_size=8,
        train_minutes=10.4,
        threads=2,
    )
    return dict(
        schema=1,
        metrics=dict(f1=f1, precision=f1 + 10, recall=f1 - 10),
        intervals={},
        images=[],
        protocol={},
        run=facts | run,
    )


def write_results(folder: Path, *records: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        write_record(folder / f'{record["run"]["name"]}_seed{record["run"]["seed"]}.json', record)
    return folder


PUBLISHED = {
    'tiny': {
        'title': 'Tiny',
        'published': [{'method': 'Theirs', 'f1': 57.94, 'source': 'a paper'}],
    }
}
