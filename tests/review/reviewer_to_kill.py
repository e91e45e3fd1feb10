"""Forks processes that draft and decide without pause, and say on stdout what is done; `test_kill.py`
kills them.

Usage: python -m tests.review.reviewer_to_kill, and a line of JSON on stdin for each: [STORE, TURN].
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, drafted, plan


def main() -> None:
    """A fork of a process that has imported everything takes milliseconds to be at work."""
    import filelock  # noqa: F401  as the store does when it first holds a run

    for line in sys.stdin:
        path, turn = json.loads(line)
        child = os.fork()
        if not child:
            tell("born", os.getpid())
            review(Path(path), turn)
        os.waitpid(child, 0)
        sys.stdout.write("\n")  # the last word of the dead may be half a line
        tell("dead", child)


def review(path: Path, turn: int) -> None:
    targets = [column(f"C{number}") for number in range(7)]
    store = Store(path)
    run = store.start_run(plan(targets), "x", 1.0)
    tell("run", run)
    standing: list[list[str]] = []
    undone: list[list[str]] = []
    for number in itertools.count():
        text = f"{turn}-{number}"
        target = targets[number % len(targets)]
        store.record(run, drafted(target, text))
        tell("drafted", text)
        many = 3 if number % 4 == 3 else 1
        texts = [f"{text}-{part}" for part in range(many)]
        store.decide(
            DATABASE,
            [accept(one, said) for one, said in zip(targets, texts, strict=False)],
        )
        tell("decided", texts)
        standing.append(texts)
        undone.clear()
        for _ in range(number % 3):
            if standing:
                store.undo(DATABASE)
                undone.append(standing.pop())
                tell("undone", undone[-1])
        if number % 5 == 4 and undone:
            store.redo(DATABASE)
            standing.append(undone.pop())
            tell("redone", standing[-1])


def tell(what: str, value: object) -> None:
    sys.stdout.write(json.dumps([what, value]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
