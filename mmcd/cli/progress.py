"""A progress bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar('Item')


@contextmanager
def progress_bar(
    total: int, title: str = '', *, unit: str = '', shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """Show progress; yields a function that is called with each number of finished items.

    In a log, the bar shows only where it ends.

    Args:
        total: how much there will be.
        title: written before the bar.
        unit: what is counted; '' does not say how many of it a second.
        shown: False counts in silence.
    """
    if not shown or not total:
        yield lambda done: None
        return
    # MMEngine depends on rich; its import takes as long as a hundred tiles.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = [
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn(f'{unit}, {{task.fields[rate]}}/s, left')] if unit else []),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, rate='-')

        def advance(done: int) -> None:
            bar.update(task, advance=done)
            state = bar.tasks[0]
            if state.elapsed:
                bar.update(task, rate=f'{state.completed / state.elapsed:.1f}')

        yield advance


def track(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    """Pass items through and show how many of ``total`` have passed."""
    with progress_bar(total, text) as advance:
        for item in items:
            yield item
            advance(1)
