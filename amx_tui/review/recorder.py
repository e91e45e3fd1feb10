"""Keeps a run while it goes on: events into the store, the model's words into transcript files. The
engine knows it only as a `Recorder`; it knows nothing of engines or screens."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from amx_tui.base.text import Cleaning, one_line
from amx_tui.drafting.model import (
    AnswerDelta,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    Plan,
    ReasoningDelta,
    RunEvent,
)
from amx_tui.llm.model import Phase
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_T = TypeVar("_T")
_PAUSE = 0.25  # seconds between two flushes of the transcripts
_HEADINGS = {ReasoningDelta: "thinking", AnswerDelta: "answer"}


class StoreRecorder:
    """Implements `drafting.model.Recorder` for one run at a time.

    Store calls go through one thread of their own, so that their order is kept and the event loop
    never waits for a disk. Pieces of text are only put aside here; that thread writes them a few
    times a second to `run-N-batch-M.txt`.
    """

    def __init__(
        self, store: Store, transcripts: Path, label: str, *, continues: int | None = None
    ) -> None:
        """`label` names the database for people; `continues` is a run that was interrupted and now
        goes on under its own number."""
        self._store = store
        self._transcripts = _Transcripts(transcripts)
        self._label = label
        self._continues = continues
        self._thread: ThreadPoolExecutor | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def transcript_problem(self) -> StoreProblem | None:
        """Why the model's words are no longer kept, None while they are. The run goes on without."""
        return self._transcripts.problem

    async def start(self, plan: Plan, at: float) -> int:
        run = self._continues
        if run is None:
            return await self._call(lambda: self._store.start_run(plan, self._label, at))
        number = run
        await self._call(lambda: self._store.continue_run(number, plan, at))
        return number

    async def record(self, run: int, event: RunEvent) -> None:
        match event:
            case ReasoningDelta() | AnswerDelta():
                self._transcripts.add(run, event)
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._flush)
            case BatchPhase(phase=Phase.CONNECTING):
                self._transcripts.end(run, event.batch)
            case BatchFinished() | BatchFailed() | BatchCancelled():
                self._transcripts.end(run, event.batch)
                self._flush()
                await self._call(lambda: self._store.record(run, event))
            case _:
                await self._call(lambda: self._store.record(run, event))

    async def aclose(self) -> None:
        """Writes what is left and ends the thread. The recorder can be used again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is not None:
            await self._call(self._transcripts.close)
            self._thread.shutdown(wait=True)  # it is idle: the call above was its last
            self._thread = None

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._executor().submit(self._transcripts.flush)

    async def _call(self, work: Callable[[], _T]) -> _T:
        # Where the waiting task is cancelled the thread still does the work: what arrived is kept.
        return await asyncio.shield(asyncio.wrap_future(self._executor().submit(work)))

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, "store")
        return self._thread


class _Transcripts:
    """What the model said, one file a batch. Pieces are put aside in the loop's thread and written in
    the store's; a failure to write ends the writing, never the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[tuple[int, int, str, str]] = []  # run, batch, heading, text
        self._headings: dict[tuple[int, int], str] = {}
        self._cleaning: dict[tuple[int, int], Cleaning] = {}
        self.problem: StoreProblem | None = None

    def add(self, run: int, event: ReasoningDelta | AnswerDelta) -> None:
        if self.problem is None:
            self._waiting.append((run, event.batch, _HEADINGS[type(event)], event.text))

    def end(self, run: int, batch: int) -> None:
        """The next words of this batch, if it is asked again, get a heading of their own."""
        self._waiting.append((run, batch, "", ""))

    def flush(self) -> None:
        # Swapped whole: the loop's thread only ever appends to the list that stands.
        waiting, self._waiting = self._waiting, []
        if self.problem is not None:
            return
        texts: dict[tuple[int, int], list[str]] = {}
        for run, batch, heading, text in waiting:
            place = (run, batch)
            pieces = texts.setdefault(place, [])
            if heading != self._headings.get(place):
                self._cleaning[place] = Cleaning()  # what one began to say the other does not end
                if heading:
                    pieces.append(f"\n--- {heading} ---\n")
            self._headings[place] = heading
            pieces.append(self._cleaning[place].feed(text))
        try:
            for (run, batch), pieces in texts.items():
                if any(pieces):
                    self._append(f"run-{run}-batch-{batch}.txt", "".join(pieces))
        except OSError as error:
            self.problem = StoreProblem(
                f"The transcripts in {one_line(str(self._folder))} cannot be written",
                one_line(error.strerror or str(error), 300),
                "The run goes on; what the model thinks is shown but not kept",
            )

    def close(self) -> None:
        self.flush()
        self._headings.clear()
        self._cleaning.clear()

    def _append(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What a model says may quote the rows that it was shown.
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with contextlib.closing(os.fdopen(handle, "a", encoding="utf-8", newline="")) as file:
            file.write(text)
