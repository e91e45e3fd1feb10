"""`amx-tui review`: one suggestion after another, line by line, with the verbs of the Review screen."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Target
from amx_tui.review.model import NewDecision, ReviewRow, State, Verdict
from amx_tui.shell.plain import (
    DONE,
    USUAL,
    Opened,
    add_targets,
    answer,
    find_targets,
    make_parser,
    next_command,
    path_of,
    print_json,
    say,
    with_database,
)
from amx_tui.shell.rows import row_json, row_lines

_VERBS = """\
1 to 5  accept that alternative, and go to the next
a       accept the first
e       edit the first; e 2 edits the second
o       words of your own
r       reject; r and words after it say why
s       set aside for later
n       go to the next and decide nothing; b goes back
u       take back the last decision; redo takes it again
q       leave; ? this list"""


def run(words: Sequence[str]) -> int:
    parser = make_parser(
        "review",
        "Asks of each suggestion what becomes of it, one after another. Each decision is kept at once.",
        f"commands, each followed by Enter:\n{_VERBS}\n",
        otherwise=USUAL,
    )
    add_targets(parser, "review only these: TABLE, TABLE.COLUMN (default: whatever is to do)")
    parser.add_argument("--all", action="store_true", help="also what is decided already")
    options = parser.parse_args(words)
    return with_database(options, lambda opened: _review(options, opened))


def _review(options: argparse.Namespace, opened: Opened) -> int:
    rows = opened.store.rows(opened.connector.identity)
    if options.targets:
        wanted = set(find_targets(opened.catalog, options.targets))
        rows = tuple(row for row in rows if row.target in wanted)
    counts = Counter(_state(opened, row) for row in rows)
    if not (options.all or options.json):
        rows = tuple(row for row in rows if _state(opened, row) in _OPEN)
    if options.json:
        print_json(opened.store, {"suggestions": [row_json(row, opened.catalog) for row in rows]})
        return DONE
    states = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    say(
        f"{opened.connector.label}: {sum(counts.values())} suggestions{': ' if states else ''}{states}"
    )
    if not rows:
        say(
            f"Nothing is left to review. See it all again: {next_command('review', options.database)} --all"
            if counts
            else f"Nothing was drafted yet: {next_command('draft', options.database)}"
        )
        return DONE
    say("Type a command and Enter; ? lists them.")
    review = _Review(opened, [row.target for row in rows], goes_to_all=options.all)
    review.go()
    write = f" Write them: {next_command('apply', options.database)}" if review.decided else ""
    say(f"{review.decided} decided.{write}")
    return DONE


# What nobody means as the description of a column: a script, or a hand, that is a line ahead.
_WORDS = frozenset(("a", "e", "o", "r", "s", "n", "b", "u", "redo", "q", "quit", "?"))
_OPEN = (State.TODO, State.CHANGED)
_NAMED = 5  # as many of what was decided at once are named


def _state(opened: Opened, row: ReviewRow) -> State:
    return row.state_over(opened.catalog.comment(row.target))


@dataclass(slots=True)
class _Review:
    """Where the reviewer is. Rows are read from the store when they are shown: another amx-tui may
    have decided meanwhile."""

    opened: Opened
    targets: list[Target]
    goes_to_all: bool
    place: int = 0
    decided: int = 0
    is_shown: bool = False

    def go(self) -> None:
        """Until the person leaves, or the input ends. Behind the last one there is still the way back."""
        while True:
            row = self._find_row()
            if not self.is_shown:
                self._show(row)
            said = answer(">")
            words = None if said is None else said.strip()
            if words in (None, "q", "quit") or (not words and row is None):
                return
            if words and not (
                (row is not None and self._decides(row, words)) or self._moves(words)
            ):
                self._tell_of_no_command(row)

    def _find_row(self) -> ReviewRow | None:
        """The one at this place; None behind the last."""
        while self.place < len(self.targets):
            identity = self.opened.connector.identity
            row = self.opened.store.row(identity, self.targets[self.place])
            if row is not None:
                return row
            self.place += 1
        return None

    def _show(self, row: ReviewRow | None) -> None:
        self.is_shown = True
        if row is None:
            say(
                "\nThat was the last one. b goes back, u takes back the last decision; Enter leaves."
            )
            return
        sent = None if row.run is None else self.opened.store.sent(row.run, row.target)
        first, *rest = row_lines(row, self.opened.catalog, sent)
        say(f"\n{self.place + 1} of {len(self.targets)}: {first}")
        say("\n".join(rest))

    def _tell_of_no_command(self, row: ReviewRow | None) -> None:
        count = f"{len(row.suggestion.alternatives)} alternatives; " if row is not None else ""
        say(f"That is no command. {count}? lists the commands.")

    def _moves(self, words: str) -> bool:
        """Does what needs nothing to decide on; False where `words` are none of that."""
        verbs: dict[str, Callable[[], None]] = {
            "b": lambda: self._turn_to(max(self.place - 1, 0)),
            "u": lambda: self._step(self.opened.store.undo, "taken back", "take back"),
            "redo": lambda: self._step(self.opened.store.redo, "decided again", "take again"),
            "?": lambda: say(_VERBS),
        }
        verb = verbs.get(words)
        if verb is not None:
            verb()
        return verb is not None

    def _decides(self, row: ReviewRow, words: str) -> bool:
        """Does what is about this one; False where `words` are none of that."""
        verb, _, rest = words.partition(" ")
        if verb == "e":
            self._edit(row, rest.strip())
        elif verb == "r":
            self._decide(row, Verdict.REJECTED, reason=one_line(rest) or None)
        elif rest:  # the verbs below take no words: a slip of the hand decides nothing
            return False
        elif verb.isascii() and verb.isdigit():
            self._accept(row, int(verb))
        elif verb == "a":
            self._accept(row, 1)
        elif verb == "o":
            self._own(row, "")
        elif verb == "s":
            self._decide(row, Verdict.LATER)
        elif verb == "n":
            self._turn_to(self.place + 1)
        else:
            return False
        return True

    def _accept(self, row: ReviewRow, number: int) -> None:
        alternatives = row.suggestion.alternatives
        if not 1 <= number <= len(alternatives):
            say(f"There is no alternative {number}; there are {len(alternatives)}.")
            return
        text = alternatives[number - 1].text
        self._decide(row, Verdict.ACCEPTED, text, number - 1)

    def _edit(self, row: ReviewRow, rest: str) -> None:
        alternatives = row.suggestion.alternatives
        number = int(rest) if rest.isascii() and rest.isdigit() else 1
        if not (rest in ("", str(number)) and 1 <= number <= len(alternatives)):
            say(f"There is no alternative {rest or 1}; there are {len(alternatives)}.")
            return
        self._own(row, alternatives[number - 1].text)

    def _own(self, row: ReviewRow, start: str) -> None:
        """A text on one line, from `start` on where the terminal can edit a line."""
        can_edit = bool(start) and _prefill(start)
        try:
            if start and not can_edit:
                say(f"The text is: {start}")
            text = answer("New text, nothing to leave it:")
        finally:
            if can_edit:
                _prefill("")
        text = clean(text or "").strip()
        if text in _WORDS or text.isdigit():
            say(f"'{text}' is a command and no text. Nothing changed.")
            return
        if not text:
            say("Nothing changed.")
            return
        self._decide(row, Verdict.EDITED, text)

    def _decide(
        self,
        row: ReviewRow,
        verdict: Verdict,
        text: str | None = None,
        alternative: int | None = None,
        reason: str | None = None,
    ) -> None:
        present = self.opened.catalog.comment(row.target)
        decision = NewDecision(row.target, verdict, text, alternative, present, row.run, reason)
        self.opened.store.decide(self.opened.connector.identity, [decision])
        self.decided += 1
        said = one_line(text or reason or "")
        say(f"{path_of(row.target)}: {verdict.value}{f': {said}' if said else ''}")
        self._turn_to(self.place + 1)
        while not self.goes_to_all and self.place < len(self.targets):
            following = self._find_row()
            if following is None or _state(self.opened, following) in _OPEN:
                break
            self.place += 1  # decided meanwhile

    def _turn_to(self, place: int) -> None:
        self.place, self.is_shown = place, False

    def _step(self, step: Callable[[str], tuple[Target, ...]], done: str, wish: str) -> None:
        targets = step(self.opened.connector.identity)
        if not targets:
            say(f"There is nothing to {wish}.")
            return
        more = f" and {len(targets) - _NAMED} more" if len(targets) > _NAMED else ""
        say(f"{', '.join(path_of(target) for target in targets[:_NAMED])}{more}: {done}")
        self.decided += len(targets) if wish == "take again" else -min(self.decided, len(targets))
        known = set(self.targets)
        # What was decided before this review began comes in here.
        self.targets[self.place : self.place] = [t for t in targets if t not in known]
        self._turn_to(self.targets.index(targets[0]))


def _prefill(text: str) -> bool:
    """Puts `text` into the next line that is asked for; False where lines cannot be edited."""
    if not sys.stdin.isatty():
        return False
    try:
        import readline
    except ImportError:
        return False
    readline.set_startup_hook((lambda: readline.insert_text(text)) if text else None)
    return True
