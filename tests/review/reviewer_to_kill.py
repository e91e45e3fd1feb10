"""Drafts and decides without pause, and says on stdout what is done; `test_kill.py` kills it.

Usage: python -m tests.review.reviewer_to_kill STORE ROUND
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, drafted, plan


def main() -> None:
    path, turn = Path(sys.argv[1]), sys.argv[2]
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
