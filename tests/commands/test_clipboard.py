"""Where a copied text goes: the first command that takes it, else a file; and what is said of that."""

from __future__ import annotations

from pathlib import Path

from amx_tui.commands.clipboard import copy_elsewhere


def make_command(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_systems_command_gets_the_text(tmp_path: Path) -> None:
    make_command(
        tmp_path / "bin", "xclip", f'echo "$@" >{tmp_path}/words; /bin/cat >{tmp_path}/got'
    )
    environ = {"PATH": str(tmp_path / "bin"), "DISPLAY": ":0"}
    said = copy_elsewhere("Företag's code; rm", environ, tmp_path / "copied.txt")
    assert said == "to the clipboard by xclip"
    assert (tmp_path / "got").read_text() == "Företag's code; rm"
    assert (tmp_path / "words").read_text() == "-selection clipboard\n"
    assert not (tmp_path / "copied.txt").exists()


def test_a_command_that_fails_or_has_no_display_is_passed_over(tmp_path: Path) -> None:
    make_command(tmp_path / "bin", "wl-copy", "exit 1")
    make_command(tmp_path / "bin", "xclip", "exit 0")
    environ = {"PATH": str(tmp_path / "bin"), "WAYLAND_DISPLAY": "wayland-0"}
    path = tmp_path / "cache" / "copied.txt"
    assert "copied.txt" in copy_elsewhere("a text", environ, path)
    assert path.read_text() == "a text\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_nothing_takes_it_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    said = copy_elsewhere("a text", {"PATH": str(tmp_path)}, tmp_path / "cache" / "copied.txt")
    assert said.startswith("nowhere else")
