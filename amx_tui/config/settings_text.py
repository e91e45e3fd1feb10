"""Reads the text of a settings file; what it says is others' to know."""

from __future__ import annotations

from pathlib import Path

from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem

LARGEST = 2 * 1024 * 1024  # bytes; a settings file beyond this is something else


def read_text(path: Path) -> str | None:
    """The text of `path`, line ends and a byte order mark as they are; None where there is no file.

    Raises:
        ConfigProblem: for what is no file, cannot be read, is not UTF-8 or too large to be settings.
    """
    name = shown_path(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigProblem(
                f"{name} is not a file",
                "Settings are read from a file of that name",
                "Move away what stands there, or export AMX_CONFIG_DIR=/another/folder",
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigProblem(
            f"{name} cannot be read",
            getattr(error, "strerror", None) or "Its path cannot be used",
            f"Make it readable: chmod u+r {name}",
        ) from None
    if len(raw) > LARGEST:
        raise ConfigProblem(
            f"{name} is too large to be settings ({len(raw):,} bytes)",
            f"More than {LARGEST:,} bytes are not read",
            "Look whether something else was written into it",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
    # Raised here, because the error would carry the whole file along.
    raise ConfigProblem(
        f"{name} is not UTF-8 text at line {line}, column {column}",
        "It was probably saved in another encoding",
        "Save it as UTF-8 in an editor",
    )
