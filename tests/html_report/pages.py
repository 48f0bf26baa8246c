"""Pages that compare two results with pictures, and what a page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

from mmcd.evaluation.comparison import Difference, Method
from mmcd.html_report.comparison_page import Compared, write_comparison_page
from tests.html_report.results import write_result


def compare(
    tmp_path: Path,
    *,
    pictures: bool = True,
    seeds: int = 1,
    meta: dict | None = None,
    then: Callable[[], None] = lambda: None,
) -> Path:
    """Compare two results; ``then`` is called when both lie in their reports."""
    records = [
        [
            write_result(tmp_path / name, best=best, seed=seed, pictures=pictures)
            for seed in range(seeds)
        ]
        for name, best in (('one', 0.7), ('two', 0.95))
    ]
    then()
    for record in records[0]:
        record['protocol'].update(meta or {})
    methods = [Method(n, tuple(r)) for n, r in zip(('one', 'two <2>'), records, strict=True)]
    return write_comparison_page(
        tmp_path / 'page',
        Compared(
            methods,
            [tmp_path / 'one', tmp_path / 'two'],
            {'two <2>': Difference(9.5, 4.25, 12.0, 0.001, 7, 6)},
            'f1',
            unfair=['split differs: val (one); test (two)'],
        ),
    )


def text_of(page: Path) -> str:
    """What a reader sees, without scripts and styles, with single blanks."""
    html = re.sub(r'<(script|style|svg)\b.*?</\1>', '', page.read_text(), flags=re.DOTALL)
    return re.sub(r'\s+', ' ', unescape(re.sub(r'<[^>]+>', ' ', html)))
