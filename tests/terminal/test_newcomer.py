"""What a newcomer does, from the built wheel and an empty home: look, mark, draft, watch, review, write,
and find it again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.terminal.terminal import Terminal, box, joined

DEMO = "DEMO: nothing leaves this machine"
ADDED = " So it says on the label."


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_from_an_empty_home_to_an_accepted_comment(
    terminal: Terminal, installed: Path, home: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()

    def sees(*wanted: object) -> str:
        """On every screen stands that it is a demo."""
        return terminal.wait_for(DEMO, *wanted)  # type: ignore[arg-type]

    def starts() -> None:
        terminal.start([str(installed), "demo", "--speed", "30"], size=size, cwd=folder)
        sees("schema", "ARTST", "BKPF", "KDSTM")

    # They look at a database with cryptic names, mark a table, and look into another.
    starts()
    before = described(sees(re.compile(r"ARTST +\d+/17")))
    terminal.press("space")
    sees(re.compile(r"\b\d+ marked"), re.compile(r"ARTST +●\d+"))
    terminal.press("enter")
    sees("AUFKO", "MANDT", "CHAR(3)")
    terminal.press("escape")
    sees("schema")

    # They mark everything else that lacks a description, and read what would be sent.
    terminal.press("m")
    sees(re.compile(r"2\d\d marked"))
    terminal.press("d")
    screen = sees("nothing has been sent yet", "kimi-k2-thinking", "https://api.moonshot.cn/v1",
                  "samples masked", "── system ──", "about $ ", "requests side by side")  # fmt: skip
    assert re.search(r"\d+ batches of ≤ 10 columns, [\d ]+ tokens in", joined(screen))
    assert re.search(r"time +about \d+ ", joined(screen))
    terminal.press("n")
    sees("request 2 of")

    # They start, and watch; what the program does by itself is told in words.
    terminal.press("enter")
    sees("what happened", re.compile(r"(connecting|waiting for the first token|thinking|answering)"
                                     r" · gives up after \d:\d\d of silence · \d:\d\d left"))  # fmt: skip
    sees(re.compile(r"[1-9]\d*/2\d\d drafted"), re.compile(r"\$ 0\.\d\d of about \$ 0\.\d\d"))
    sees("thinking spent the whole budget of 32 768 tokens")
    terminal.press("tab", "tab", "g")
    sees(lambda screen: re.search(r"(429|rate)", log_of(screen)))

    # While it still runs they review.
    terminal.press("R")
    sees(re.compile(r"drafting \d+/2\d\d"), re.compile(r"\d+ suggestions"), "ARTST.MANDT",
         "(declared)")  # fmt: skip
    firsts = {target: alternative(terminal, target, 1) for target in ["ARTST"]}
    terminal.press("1")
    sees("1 accepted")
    second = following(terminal, "ARTST")
    firsts[second] = alternative(terminal, second, 1)
    terminal.press("a")
    sees("2 accepted")
    third = following(terminal, second)
    firsts[third] = alternative(terminal, third, 2)
    terminal.press("2")
    sees("3 accepted")
    edited = following(terminal, third)
    firsts[edited] = alternative(terminal, edited, 1)
    terminal.press("e")
    sees("ctrl-s keep")
    terminal.wait_for_field()
    terminal.type(ADDED)
    sees(ADDED.strip())
    terminal.press("ctrl+s")
    sees("1 edited")
    terminal.press("r")
    sees("1 rejected")
    terminal.press("u")
    sees("3 accepted", "1 edited", lambda screen: "rejected" not in screen)
    terminal.press("D")
    sees("R reviews them", "finished after", re.compile(r"(\d+)/\1 drafted"))

    # They read the statements, write them, and find the texts in the browser.
    # A table and three of its columns; the browser counts columns.
    terminal.press("W")
    sees("4 to write", "new", "the statement, word for word")
    texts = {}
    for target, first in firsts.items():
        # The title and the words below it may be drawn one after the other.
        screen = sees(
            lambda screen, target=target, first=first: new_text(screen, target).startswith(first)
        )
        texts[target] = new_text(screen, target)
        terminal.press("down")
    assert texts[edited].endswith(ADDED)
    terminal.press("enter")
    sees("Write to demo.db", "4 texts")
    terminal.press("y")
    sees("4 written")
    terminal.press("B")
    assert described(sees("schema", re.compile(r"ARTST +4/17"))) == before + 3
    terminal.press("up", "enter")
    sees(*(text[:20] for text in texts.values()))

    # After a restart as well.
    terminal.press("q")
    assert terminal.wait_until_ended() == 0
    starts()
    sees(re.compile(r"ARTST +4/17"))
    terminal.press("enter")
    sees(*(text[:20] for text in texts.values()))

    # And they take it with them.
    for name, downs in (("texts.sql", 0), ("texts.md", 3)):
        terminal.press("W")
        sees("0 to write", "x export…")
        terminal.press("x")
        sees("Export")
        terminal.press(*["down"] * downs)
        sees(f"demo{Path(name).suffix}")
        terminal.press("enter")
        terminal.fill(name, instead_of="demo")
        terminal.press("enter")
        sees("4 texts exported", lambda _, file=folder / name: file.exists())
        content = (folder / name).read_text(encoding="utf-8")
        unescaped = re.sub(r"\\([^\w\s])", r"\1", content.replace("''", "'"))
        for text in texts.values():
            assert text in unescaped, content

    # It never was anything but a demo.
    for key, words in (("H", "1 run of demo.db"), ("P", "LLM profiles"), ("$", "USD per million")):
        terminal.press(key)
        sees(words)
    terminal.press("?")
    sees("Keys")
    assert not (home / ".amx").exists()


def described(screen: str) -> int:
    """How many of the demo's targets the browser counts as described."""
    found = re.search(r"▾ main +(\d+)/\d+", screen)
    assert found is not None, screen
    return int(found[1])


def log_of(screen: str) -> str:
    return " ".join(box(screen, "what happened"))


def following(terminal: Terminal, before: str) -> str:
    """Whose card is shown, once it is another one than `before`."""
    title = re.compile(r"╭─ (ARTST[.\w]*) ─")
    screen = terminal.wait_for(lambda screen: title.findall(screen)[-1:] not in ([], [before]))
    return str(title.findall(screen)[-1])


def alternative(terminal: Terminal, target: str, number: int) -> str:
    """How an alternative on the card of `target` begins: its first line."""
    head = re.compile(rf"(▸ )?{number} . (high|medium|low) ")
    rows = box(terminal.wait_for(lambda screen: any(map(head.match, box(screen, target)))), target)
    place = next(place for place, row in enumerate(rows) if head.match(row))
    return rows[place + 1]


def new_text(screen: str, target: str) -> str:
    """What Write says will stand there."""
    rows = box(screen, f"{target} ")
    start = next((place for place, row in enumerate(rows) if row.startswith("new ")), None)
    if start is None:
        return ""
    end = rows.index("", start)
    return " ".join(rows[start:end]).removeprefix("new").strip()
