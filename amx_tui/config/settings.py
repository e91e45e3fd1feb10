"""The `AMX_*` variables that a run obeys, read once and checked; it knows no file but the CA bundle."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.config.model import ConfigProblem, Settings

# openrouter.ai/docs/guides/best-practices/reasoning-tokens: the efforts that a request may name.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """`AMX_LLM_TIMEOUT_SEC` (seconds), `AMX_LLM_MIN_MAX_TOKENS` (tokens), `AMX_REASONING_EFFORT` and
    `AMX_CA_BUNDLE`. A variable that is blank counts as unset.

    Raises:
        ConfigProblem: for the first variable that has an impossible value; names it.
    """
    variables = os.environ if environ is None else environ
    given = {name: variables.get(name, "").strip() for name in _READ}
    usual = Settings()
    return Settings(
        timeout_seconds=_seconds(given["AMX_LLM_TIMEOUT_SEC"], usual.timeout_seconds),
        min_max_tokens=_tokens(given["AMX_LLM_MIN_MAX_TOKENS"], usual.min_max_tokens),
        reasoning_effort=_effort(given["AMX_REASONING_EFFORT"], usual.reasoning_effort),
        ca_bundle=_bundle(given["AMX_CA_BUNDLE"], usual.ca_bundle),
    )


_READ = ("AMX_LLM_TIMEOUT_SEC", "AMX_LLM_MIN_MAX_TOKENS", "AMX_REASONING_EFFORT", "AMX_CA_BUNDLE")


def _seconds(given: str, usual: float) -> float:
    if not given:
        return usual
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and seconds > 0:
        return seconds
    raise ConfigProblem(
        f"AMX_LLM_TIMEOUT_SEC is “{one_line(given, 20)}”, which is not a number of seconds",
        "It is the longest silence of a model before a request is given up, and has to be above 0",
        f"Try: export AMX_LLM_TIMEOUT_SEC={usual:g}",
    )


def _tokens(given: str, usual: int) -> int:
    if not given:
        return usual
    if given.isascii() and given.isdigit() and len(given) <= 9 and int(given) > 0:
        return int(given)
    raise ConfigProblem(
        f"AMX_LLM_MIN_MAX_TOKENS is “{one_line(given, 20)}”, which is not a number of tokens",
        "It is the smallest output budget of a reasoning model, a whole number above 0",
        f"Try: export AMX_LLM_MIN_MAX_TOKENS={2 * usual}",
    )


def _effort(given: str, usual: str) -> str:
    if not given:
        return usual
    if given.lower() in EFFORTS:
        return given.lower()
    raise ConfigProblem(
        f"AMX_REASONING_EFFORT is “{one_line(given, 20)}”, which is not an effort",
        f"There are {', '.join(EFFORTS)}",
        f"Try: export AMX_REASONING_EFFORT={usual}",
    )


def _bundle(given: str, usual: str | None) -> str | None:
    if not given:
        return usual
    path = Path(given)
    try:
        path = path.expanduser()
        # Opening a pipe would wait for its other end.
        if path.is_file():
            with path.open("rb"):
                return str(path)
        reason = "There is no such file" if not path.exists() else "It is not a file"
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "The path cannot be used"
    raise ConfigProblem(
        f"AMX_CA_BUNDLE names {one_line(given, 120)}, which cannot be read",
        reason,
        "Name a PEM file with the certificates to trust, or: unset AMX_CA_BUNDLE",
    )
