"""Walks the folders that config.yml names and says which files are read. It opens none of them but
`.gitignore`, follows no link, and never goes where keys are kept."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from amx_tui.evidence.model import Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# What is read, by the end of its name.
TEXTS = frozenset(
    (".md", ".markdown", ".rst", ".txt", ".adoc", ".sql", ".ddl", ".py", ".yml", ".yaml", ".csv")
)
PAGES = frozenset((".pdf", ".docx"))  # with the extra `docs`

# Bytes. A text beyond it is an export or was made by a machine; a PDF carries pictures.
LARGEST_TEXT = 2_000_000
LARGEST_PAGES = 20_000_000
# Enough for any project; a folder with more was named by mistake, such as a whole home.
MOST_FILES = 50_000
# A .gitignore is a page, not a book.
_LARGEST_IGNORE = 200_000

# Names of what holds secrets, whatever its kind; compared in lower case.
_SECRET_FILES = (
    ".env*", "*.env", "*.env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore",
    "*.kdbx", "*.kdb", "*.asc", "*.gpg", "*.ppk", "*.der", "*.crt", "*.cer", "id_rsa*", "id_dsa*",
    "id_ecdsa*", "id_ed25519*", "credential*", "*credentials*", "*secrets*", "secret.*", "*.secret*",
    "password*", "*passwords.*", "passwd*", ".netrc",
    "_netrc", ".pgpass*", "pgpass.conf", ".my.cnf", ".npmrc", ".pypirc", ".htpasswd",
    ".git-credentials", "profiles.yml", "profiles.yaml", "kubeconfig*", "service-account*",
    "service_account*", "terraform.tfvars*", "*.tfstate*", "*vault*.yml", "*vault*.yaml",
)  # fmt: skip
# Folders that hold keys (counted as one), and folders that hold nobody's own words.
_SECRET_FOLDERS = frozenset((
    ".ssh", ".gnupg", ".aws", ".azure", ".gcloud", ".kube", ".docker", ".amx", ".password-store",
    ".secrets", "secrets",
))  # fmt: skip
_OTHERS = frozenset((
    ".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", "site-packages",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """A file to read. `shown` is its path for people and models: from the folder's name on."""

    path: Path
    shown: str
    size: int
    changed: int  # nanoseconds since 1970


@dataclass(slots=True)
class Found:
    """What stands in the folders: files in a fixed order, and what is left out. `missing` are the
    paths of config.yml where nothing stands."""

    files: list[File] = field(default_factory=list)
    skipped: Counter[Skipped] = field(default_factory=Counter)
    missing: list[Path] = field(default_factory=list)


def is_secret(name: str) -> bool:
    """Whether a file of this name is never opened."""
    low = name.lower()
    return any(fnmatch.fnmatchcase(low, pattern) for pattern in _SECRET_FILES)


def find_files(roots: Sequence[Path], *, never: Collection[Path] = ()) -> Found:
    """The files below `roots` (folders, or single files), each once, that may be read; `never` are
    folders of our own that hold keys. `.gitignore` counts in every folder, above the root as well as
    far as its repository goes. What is of no kind that is read is passed over without a word."""
    found = Found()
    seen: set[Path] = set()
    barred = frozenset(_real(path) for path in never)
    for root in dict.fromkeys(_real(root) for root in roots):
        try:
            is_folder = stat.S_ISDIR(root.stat().st_mode)
        except (OSError, ValueError):
            found.missing.append(root)
            continue
        if any(root == path or path in root.parents for path in barred):
            found.skipped[Skipped.SECRET] += 1
        elif is_folder:
            _walk(root, root.name or root.anchor, _rules_above(root), found, seen, barred)
        else:
            _look_at(root, root.name, found, seen)
    return found


def _real(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, an unknown home
        return path.absolute()


# Each `.gitignore` with the folder that it stands in, from the outermost to the innermost.
_Rules = tuple[tuple[Path, "GitIgnoreSpec"], ...]


def _rules_above(root: Path) -> _Rules:
    """What the folders above `root` say, from the top of its repository on; without one, nothing."""
    chain = [root, *root.parents]
    top = next((place for place, folder in enumerate(chain) if (folder / ".git").exists()), None)
    if top is None:
        return ()
    rules: _Rules = _rules_of(chain[top] / ".git" / "info" / "exclude", chain[top])
    for folder in reversed(chain[1 : top + 1]):
        rules += _rules_of(folder / ".gitignore", folder)
    return rules


def _rules_of(file: Path, folder: Path) -> _Rules:
    from pathspec import GitIgnoreSpec

    try:
        if not stat.S_ISREG(file.lstat().st_mode) or file.stat().st_size > _LARGEST_IGNORE:
            return ()
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    try:
        return ((folder, GitIgnoreSpec.from_lines(lines)),)
    except ValueError:  # git passes over a pattern that is none
        return ((folder, GitIgnoreSpec.from_lines(filter(_is_pattern, lines))),)


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_ignored(path: Path, rules: _Rules, *, is_folder: bool) -> bool:
    """As git has it: the innermost file that says anything of `path` decides."""
    for folder, spec in reversed(rules):
        name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
        said = spec.check_file(name).include
        if said is not None:
            return said
    return False


def _walk(
    root: Path,
    shown: str,
    rules: _Rules,
    found: Found,
    seen: set[Path],
    barred: frozenset[Path],
) -> None:
    """Without recursion: folders may be nested deeper than Python's stack."""
    waiting = [(root, shown, rules)]
    while waiting:
        folder, shown, rules = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        inner = rules + _rules_of(folder / ".gitignore", folder)
        below = []
        for entry in _entries(folder, found):
            path = folder / entry.name
            if entry.is_symlink():
                if _leads_out(path, root):
                    found.skipped[Skipped.OUTSIDE] += 1
            elif entry.is_dir(follow_symlinks=False):
                name = entry.name.lower()
                if name in _OTHERS or _is_ignored(path, inner, is_folder=True):
                    continue
                if name in _SECRET_FOLDERS or path in barred:
                    found.skipped[Skipped.SECRET] += 1
                else:
                    below.append((path, f"{shown}/{entry.name}", inner))
            elif entry.is_file(follow_symlinks=False):
                if is_secret(entry.name):
                    found.skipped[Skipped.SECRET] += 1
                elif not _is_ignored(path, inner, is_folder=False):
                    _look_at(path, f"{shown}/{entry.name}", found, seen)
        waiting += reversed(below)


def _entries(folder: Path, found: Found) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        found.skipped[Skipped.UNREADABLE] += 1
        return
    yield from listed


def _leads_out(link: Path, root: Path) -> bool:
    """Whether a link leaves `root`; what it leads to inside is read where it stands."""
    try:
        target = link.resolve()
        return target != root and root not in target.parents
    except (OSError, RuntimeError):
        return True


def _look_at(path: Path, shown: str, found: Found, seen: set[Path]) -> None:
    kind = path.suffix.lower()
    if kind not in TEXTS and kind not in PAGES:
        return
    if is_secret(path.name):
        found.skipped[Skipped.SECRET] += 1
        return
    if path in seen:
        return
    seen.add(path)
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        found.skipped[Skipped.UNREADABLE] += 1
        return
    if not stat.S_ISREG(status.st_mode):
        return
    if status.st_size > (LARGEST_PAGES if kind in PAGES else LARGEST_TEXT):
        found.skipped[Skipped.HUGE] += 1
    elif len(found.files) >= MOST_FILES:
        found.skipped[Skipped.TOO_MANY] += 1
    else:
        found.files.append(File(path, shown, status.st_size, status.st_mtime_ns))
