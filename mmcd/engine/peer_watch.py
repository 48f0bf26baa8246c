"""Noticing that another process of a run has died or is frozen."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from datetime import timedelta

from mmengine.dist import barrier, broadcast_object_list, get_dist_info
from torch.distributed import TCPStore

SECONDS_TO_ANSWER = 60.0
SECONDS_BETWEEN = 2.0
CHECKPOINTS_ARE_WHOLE = 'The checkpoints written before are whole: go on from them with --resume.'


class PeerWatch:
    """Heartbeats of a run's processes to each other, from a thread beside the work.

    A process that computes for hours goes on beating; one that was killed or frozen does not. Where
    one has not been heard of for too long, the others would wait for it in their next collective
    operation until that times out, half an hour later or never: they say who it is and end instead.

    Args:
        timeout: seconds without a beat after which a process counts as lost.
        interval: seconds between two beats.
        advice: what the message says of the work that was done, and of going on.
    """

    def __init__(
        self,
        *,
        timeout: float = SECONDS_TO_ANSWER,
        interval: float = SECONDS_BETWEEN,
        advice: str = CHECKPOINTS_ARE_WHOLE,
    ) -> None:
        self.timeout = timeout
        self.interval = interval
        self.advice = advice
        self.rank, self.world_size = get_dist_info()
        self._seen: dict[int, tuple[bytes, float]] = {}
        self._names: dict[int, str] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> PeerWatch:
        """Begin; every process of the run has to call it. A run of one process watches nobody."""
        if self.world_size == 1:
            return self
        host = os.environ.get('MASTER_ADDR', '127.0.0.1')
        patience = timedelta(seconds=self.timeout / 4)
        store = None
        if self.rank == 0:
            store = TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=patience)
        place = [store.port if store else 0]
        broadcast_object_list(place)
        # A connection of the thread's own: the other one may be waiting for an answer.
        self._server = store
        self._store = TCPStore(host, place[0], is_master=False, timeout=patience)
        name = f'process {os.getpid()} on {socket.gethostname()} (rank {self.rank})'
        self._store.set(f'name/{self.rank}', name)
        self._store.set(f'beat/{self.rank}', '0')
        barrier()
        others = [rank for rank in range(self.world_size) if rank != self.rank]
        self._names = {rank: self._store.get(f'name/{rank}').decode() for rank in others}
        self._seen = {rank: (b'0', time.monotonic()) for rank in others}
        self._threads = [
            threading.Thread(target=task, name=f'peer watch {task.__name__}', daemon=True)
            for task in (self._beat, self._watch)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End without a fault; every process of the run has to call it."""
        if not self._threads:
            return
        barrier()  # nobody is missed from here on
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2 * self.interval)
        barrier()  # the first process serves the others' connections until all have ended

    def lost(self) -> list[str]:
        """The processes that do not beat, once a connection has broken off; ends the watch."""
        if not self._threads:
            return []
        began = time.monotonic()
        time.sleep(3 * self.interval)
        names = [self._names[rank] for rank, (_, when) in self._seen.items() if when < began]
        self._stop.set()
        for thread in self._threads:  # one in an operation at the interpreter's end aborts it
            thread.join(timeout=self.timeout / 4 + self.interval)
        return names

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(self.interval):
            now = time.monotonic()
            if now - before > self.interval + self.timeout / 2:
                # This process itself was frozen, or the whole computer was: nobody could be heard.
                self._seen = {rank: (beat, now) for rank, (beat, _) in self._seen.items()}
            before = now
            gone = [r for r, (_, when) in self._seen.items() if now - when > self.timeout]
            if gone and not self._stop.is_set():
                self._end(', '.join(self._names[rank] for rank in gone))

    def _beat(self) -> None:
        """Tell and listen; where the first process is frozen, which serves it, this may hang."""
        number = 0
        while not self._stop.wait(self.interval):
            number += 1
            with contextlib.suppress(Exception):  # it is gone: nobody is heard
                self._store.set(f'beat/{self.rank}', str(number))
                for rank, (beat, _) in list(self._seen.items()):
                    heard = self._store.get(f'beat/{rank}')
                    if heard != beat:
                        self._seen[rank] = (heard, time.monotonic())

    def _end(self, who: str) -> None:
        sys.stderr.write(
            f'error: {who} has not responded for {self.timeout:.0f} s: it was killed or hangs. '
            f'This process ends, since it would otherwise wait forever. {self.advice}\n'
        )
        sys.stderr.flush()
        os._exit(1)  # the main thread may be waiting in an operation that nothing interrupts
