"""Our colours: quiet, with one warm accent for what can be pressed."""

from textual.theme import Theme

AMX_THEME = Theme(
    name="amx",
    primary="#7dcfff",
    secondary="#9aa5ce",
    accent="#e0af68",
    warning="#ff9e64",
    error="#f7768e",
    success="#9ece6a",
    foreground="#c0caf5",
    background="#16161e",
    surface="#1a1b26",
    panel="#24283b",
    dark=True,
    variables={"text-muted": "#787c99", "block-cursor-text-style": "none"},
)
