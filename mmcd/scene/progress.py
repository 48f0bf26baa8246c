"""A bar with tiles per second and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def tile_progress(total: int, *, shown: bool, title: str = '') -> Iterator[Callable[[int], None]]:
    """Count tiles; gives a function that is told of each number of them.

    Args:
        total: number of tiles to come.
        shown: False counts in silence.
        title: written before the bar.
    """
    if not shown or not total:
        yield lambda tiles: None
        return
    # MMEngine depends on rich; its import takes as long as a hundred tiles.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('tiles, {task.fields[rate]}/s, left'),
        TimeRemainingColumn(),
        TextColumn('of'),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, rate='-')

        def advance(tiles: int) -> None:
            bar.update(task, advance=tiles)
            state = bar.tasks[0]
            if state.elapsed:
                bar.update(task, rate=f'{state.completed / state.elapsed:.1f}')

        yield advance
