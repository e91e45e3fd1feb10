"""Which files of a folder are read, and which never."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from amx_tui.evidence.folders import Found, find_files
from amx_tui.evidence.model import Skipped


def make(folder: Path, *names: str, text: str = "BUKRS") -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def names(found: Found) -> list[str]:
    return [file.shown for file in found.files]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_texts_and_code_are_found_in_a_fixed_order(docs: Path) -> None:
    make(docs, "b.md", "a/x.sql", "a/y.py", "z.csv", "c.yaml", "d.TXT", "picture.png", "no_suffix")
    assert names(find_files([docs])) == [
        "docs/b.md",
        "docs/c.yaml",
        "docs/d.TXT",
        "docs/z.csv",
        "docs/a/x.sql",
        "docs/a/y.py",
    ]


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.local", ".env.yml", "prod.env", "server.pem", "tls.key", "id_rsa", "id_rsa.txt",
        "a.p12", "vault.kdbx", "credentials", "credentials.yml", "Credentials.CSV", "secrets.yaml",
        "passwords.txt", "profiles.yml", ".pgpass", "service-account.yml", ".aws/config.yml",
        ".ssh/notes.md", ".amx/config.yml", "secrets/db.yml",
    ],
)  # fmt: skip
def test_what_holds_secrets_is_never_read(docs: Path, name: str) -> None:
    make(docs, name, "readme.md")
    found = find_files([docs])
    assert names(found) == ["docs/readme.md"]
    assert found.skipped[Skipped.SECRET] == 1


def test_a_file_with_secrets_that_is_named_itself_is_not_read_either(docs: Path) -> None:
    make(docs, "credentials.yml")
    assert find_files([docs / "credentials.yml"]).files == []


def test_our_own_folders_are_never_read(docs: Path) -> None:
    make(docs, "config/config.yml", "readme.md")
    assert names(find_files([docs], never=[docs / "config"])) == ["docs/readme.md"]
    assert names(find_files([docs / "config"], never=[docs / "config"])) == []


def test_gitignore_counts_as_git_has_it(docs: Path) -> None:
    """Compared with git itself."""
    make(docs, "a.md", "b.md", "build/c.md", "sub/build/d.md", "sub/e.md", "sub/keep.md", "sub/f.sql",
         "deep/er/g.md", "deep/er/h.txt", "top.txt", "sub/top.txt", "excluded.md")  # fmt: skip
    (docs / ".gitignore").write_text("build/\n*.md\n!a.md\n/top.txt\n# no comment\n\n")
    (docs / "sub" / ".gitignore").write_text("!keep.md\n*.sql\n")
    (docs / "deep" / ".gitignore").write_text("er/\n")
    git = ["git", "-c", "core.excludesFile=/dev/null", "-C", str(docs)]
    subprocess.run([*git, "init", "-q"], check=True)
    (docs / ".git" / "info").mkdir(exist_ok=True)
    (docs / ".git" / "info" / "exclude").write_text("excluded.md\n")
    listed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    expected = sorted(f"docs/{name}" for name in listed if not name.endswith(".gitignore"))
    assert sorted(names(find_files([docs]))) == expected
    assert "docs/sub/keep.md" in expected and "docs/sub/f.sql" not in expected


def test_what_the_repository_says_counts_in_a_folder_of_it(docs: Path) -> None:
    make(docs, "part/a.md", "part/b.md")
    (docs / ".git").mkdir()
    (docs / ".gitignore").write_text("part/b.md\n")
    assert names(find_files([docs / "part"])) == ["part/a.md"]


def test_a_pattern_that_is_none_does_not_end_the_reading(docs: Path) -> None:
    make(docs, "a.md", "b.md")
    (docs / ".gitignore").write_bytes(b"!\n\xff\xfe[\nb.md\n///\n")
    assert names(find_files([docs])) == ["docs/a.md"]


def test_links_are_not_followed_and_counted_where_they_lead_out(docs: Path, tmp_path: Path) -> None:
    make(docs, "a.md")
    make(tmp_path, "outside/secret.md")
    (docs / "in.md").symlink_to(docs / "a.md")
    (docs / "out.md").symlink_to(tmp_path / "outside" / "secret.md")
    (docs / "folder").symlink_to(tmp_path / "outside")
    (docs / "round").symlink_to(docs)
    (docs / "broken.md").symlink_to("nowhere/at/all")
    found = find_files([docs])
    assert names(found) == ["docs/a.md"]
    assert found.skipped == {Skipped.OUTSIDE: 2}  # the others lead to what is read where it stands


def test_what_is_no_plain_file_is_not_opened(docs: Path) -> None:
    os.mkfifo(docs / "pipe.md")
    make(docs, "a.md")
    assert names(find_files([docs])) == ["docs/a.md"]


def test_a_large_file_is_counted(docs: Path) -> None:
    make(docs, "dump.sql", text="x" * 2_000_001)
    assert find_files([docs]).skipped[Skipped.HUGE] == 1


def test_a_file_below_two_folders_is_read_once(docs: Path) -> None:
    make(docs, "a/b.md")
    assert len(find_files([docs, docs / "a", docs / "a" / "b.md"]).files) == 1


def test_what_is_not_there_is_told(docs: Path) -> None:
    assert find_files([docs / "gone"]).missing == [docs / "gone"]
