"""Forks processes that draft with the real command until a moment of theirs has come, and stand still
there; `test_kill.py` kills them at that instant.

Usage: python -m tests.shell.drafter_to_kill, and a line of JSON on stdin for each: the environment, the
words behind `amx-tui draft`, and the moment: how many events of which name have been heard, each already
kept; a phase counts as an event of its name. Without a moment the command runs to its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from amx_tui.commands.model import SessionEvent
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import BatchPhase, SuggestionDrafted
from amx_tui.shell import draft as command
from tests.forked import import_all

LONGEST = 20  # seconds that a process may take to its moment


def main() -> None:
    import_all()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            signal.alarm(LONGEST)
            os.environ.clear()
            os.environ.update(order["environ"])
            work(order["words"], order["moment"])
            os._exit(0)
        _, ended = os.waitpid(child, 0)
        tell(sys.stdout, "dead", os.waitstatus_to_exitcode(ended))


def work(words: Sequence[str], moment: Mapping[str, int]) -> None:
    told, sys.stdout = sys.stdout, sys.stderr
    tell(told, "born", os.getpid())
    heard = Counter[str]()

    class Watched(Session):
        def __init__(self, workspace: Workspace) -> None:
            super().__init__(workspace)
            self.subscribe(hear)

    def hear(event: SessionEvent) -> None:
        heard[event.phase.value if isinstance(event, BatchPhase) else type(event).__name__] += 1
        if isinstance(event, SuggestionDrafted):
            tell(told, "shown", event.suggestion.target.path)
        if moment and all(heard[name] >= count for name, count in moment.items()):
            tell(told, "reached", None)
            while True:  # nothing of this process moves any more
                signal.pause()

    command.Session = Watched  # type: ignore[misc]
    tell(told, "ended", command.run(words))


def tell(out: TextIO, what: str, value: Any) -> None:
    out.write(json.dumps([what, value]) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
