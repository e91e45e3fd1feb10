"""Where the program keeps its files. It names folders and creates none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.config.model import ConfigProblem, Folders


def find_folders(environ: Mapping[str, str] | None = None) -> Folders:
    """`AMX_CONFIG_DIR`, or `~/.amx` as AMX has it, and the user's cache folder for `amx-tui`.

    `environ` stands in for the process's own variables; the cache folder is always the platform's
    (`XDG_CACHE_HOME` on Linux).

    Raises:
        ConfigProblem: where there is neither `AMX_CONFIG_DIR` nor a home folder.
    """
    from platformdirs import user_cache_path

    variables = os.environ if environ is None else environ
    wanted = variables.get("AMX_CONFIG_DIR", "").strip()
    if wanted and not wanted.startswith("~"):
        # Absolute, so that a later change of the working directory moves nothing.
        config = Path(wanted).absolute()
    else:
        home = _home(variables)
        config = home / wanted.removeprefix("~").lstrip("/") if wanted else home / ".amx"
    return Folders(config=config, cache=user_cache_path("amx-tui", appauthor=False))


def _home(variables: Mapping[str, str]) -> Path:
    if home := variables.get("HOME", "").strip():
        return Path(home)
    try:
        return Path.home()
    except RuntimeError:
        raise ConfigProblem(
            "Your home folder is not known",
            "The variable HOME is not set and the system names no home for this user",
            "Say where the settings are: export AMX_CONFIG_DIR=/some/folder",
        ) from None


def shown_path(path: Path) -> str:
    """`path` for people: one clean line, `~` for the home folder, such as `~/.amx/config.yml`."""
    text = str(path)
    home = os.environ.get("HOME", "").rstrip("/")
    if home and text.startswith(home + os.sep):
        text = "~" + text[len(home) :]
    return one_line(text)
