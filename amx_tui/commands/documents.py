"""The documents and code that config.yml names, read in the background: what a draft asks for passages,
and what is told of where the reading stands. Nothing of it leaves the machine by itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from amx_tui.base.amounts import counted, number
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Table
from amx_tui.config.model import Config, Folders, Privacy, Sources
from amx_tui.evidence.model import EvidenceProblem, Passage, Reading, Skipped, Standing

if TYPE_CHECKING:  # sqlite3 and what reads files come with the first folder
    from amx_tui.drafting.model import Plan
    from amx_tui.evidence.index import Index
    from amx_tui.evidence.retrieval import Retrieval

Listener = Callable[[Standing], None]

# Seconds that leaving waits for a file that is just being read.
_PATIENCE = 2.0


def named_folders(config: Config, connection: str = "") -> tuple[Path, ...]:
    """The folders and files of the active profiles of documents and code that are about a connection,
    each once."""

    def of(sources: Sources) -> list[Path]:
        paths = [
            path for name in sources.active_for(connection) for path in sources.paths.get(name, ())
        ]
        # `~` is the person's home; a URL is no folder of this machine.
        return [_absolute(path) for path in paths if path.strip() and "://" not in path]

    return tuple(dict.fromkeys([*of(config.documents), *of(config.code)]))


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # the home of a user who is not known
        return Path(path).absolute()


class Library:
    """One for a workspace. `standing` may be read from any thread; `begin` starts the reading in a
    thread of its own, which dies with the program."""

    def __init__(
        self,
        folders: Folders,
        read_config: Callable[[], Config],
        connection: Callable[[], str] = lambda: "",
    ) -> None:
        self._folders = folders
        self._read_config = read_config
        self._connection = connection  # the name of the one that is open
        self._lock = threading.Lock()  # of `find` and of what it uses
        self._index: Index | None = None
        self._retrieval: Retrieval | None = None
        self._thread: threading.Thread | None = None
        self._is_unwanted = threading.Event()
        self.standing = Standing()

    @property
    def is_reading(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, told: Listener) -> None:
        """Reads what is new or changed in the folders; `told` hears of it in the reading thread, last
        of how it ended. Where it is under way already, it goes on, for whom it was begun."""
        if self.is_reading:
            return
        self._is_unwanted.clear()
        self._thread = threading.Thread(
            target=self._read, args=(told,), name="documents", daemon=True
        )
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the reading came to its end within that time; without one, when it did."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.is_reading

    def stop(self) -> None:
        """Ends the reading; what was read is kept."""
        self._is_unwanted.set()
        self.wait(_PATIENCE)
        if not self.is_reading:
            with self._lock:
                self._let_go()

    def find(self, table: Table, privacy: Privacy) -> tuple[Passage, ...]:
        """The passages that tell most of `table`, best first, as much of them as may be sent; none
        before everything is read, so that a draft does not depend on how far the reading came.
        Blocking."""
        found: tuple[Passage, ...] = ()
        with self._lock, contextlib.suppress(EvidenceProblem):  # told at the next reading
            if self._retrieval is not None and self.standing.reading is Reading.DONE:
                found = self._retrieval.find(table)
        if not found:
            return ()
        from amx_tui.evidence.rows import with_rows, without_rows

        if privacy is Privacy.VALUES:
            return tuple(map(with_rows, found))
        left = (without_rows(passage, table) for passage in found)
        return tuple(passage for passage in left if passage is not None)

    def _let_go(self) -> None:
        self._retrieval = None
        if self._index is not None:
            self._index.close()
            self._index = None

    def _read(self, told: Listener) -> None:
        def say(standing: Standing) -> None:
            self.standing = standing
            told(standing)

        try:
            roots = named_folders(self._read_config(), self._connection())
        except Problem:  # a broken config.yml is told where its profiles are needed
            roots = ()
        if not roots:
            with self._lock:
                self._let_go()
            say(Standing())
            return
        from amx_tui.evidence.index import Index, Stopped
        from amx_tui.evidence.retrieval import Retrieval

        with self._lock:
            if self._index is None or self._index.roots != roots:
                self._let_go()
                never = (self._folders.config, self._folders.cache)
                self._index = Index(self._folders.evidence, roots, never=never)
            index = self._index
        before = self.standing
        try:
            standing = index.refresh(say, self._is_unwanted.is_set)
        except Stopped:
            self.standing = Standing()
            return
        except EvidenceProblem as problem:
            with self._lock:
                self._retrieval = None
            say(Standing(Reading.FAILED, problems=(problem,)))
            return
        except Exception as error:  # a fault of ours must not end in silence
            with self._lock:
                self._retrieval = None
            fault = EvidenceProblem(
                "Documents and code cannot be read",
                f"{type(error).__name__}",
                "Drafts go without them",
            )
            say(Standing(Reading.FAILED, problems=(fault,)))
            return
        with self._lock:
            if self._retrieval is None or standing.state != before.state:
                self._retrieval = Retrieval(index, standing.passages)
        say(standing)


def standing_words(standing: Standing, plan: Plan) -> Iterator[tuple[str, str]]:
    """What goes along with `plan`, how much was read and what was left out: what a line is about, and
    the rest of the line. Nothing where config.yml names no documents and no code."""
    if standing.reading is Reading.NOT_YET:
        return
    if plan.privacy is Privacy.METADATA:
        yield "no document and no code goes along at metadata", ""
    elif standing.reading is Reading.GOING_ON:
        said = "looking for files …"
        if standing.total:
            said = f"reading {number(standing.done)} of {number(standing.total)} files …"
        yield said, " the draft is made again when they are read"
    elif standing.reading is Reading.FAILED:
        for problem in standing.problems:
            yield problem.what, f": {problem.why}"
    else:
        left_out = [f"{number(count)} {why.value}" for why, count in standing.skipped.items()]
        more = f" · left out: {', '.join(left_out)}" if left_out else ""
        yield _what_goes_along(plan), f" · {counted(standing.files, 'file')} read{more}"
        if count := standing.skipped.get(Skipped.LACKS_EXTRA):
            install = "python -m pip install 'amx-tui[docs]' reads them"
            yield f"{number(count)} PDF or Word: {install}", ""
        for problem in standing.problems:
            yield problem.what, ""


def _what_goes_along(plan: Plan) -> str:
    by_table = {batch.table: batch.passages for batch in plan.batches}
    passages = {passage for told in by_table.values() for passage in told}
    if not passages:
        return "no passage tells of these tables"
    files = {passage.path for passage in passages}
    go = "go" if len(passages) > 1 else "goes"
    return f"{counted(len(passages), 'passage')} of {counted(len(files), 'file')} {go} along"
