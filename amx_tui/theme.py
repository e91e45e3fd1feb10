"""Our colours: quiet, with one warm accent for what can be pressed; and the styles that are made of them."""

from textual.css.stylesheet import Stylesheet
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


class KeptStyles(Stylesheet):
    """Parses what is new. Textual (8.2.8) parses all there is again when a screen brings styles of its own:
    10 to 20 ms of the answer to the first key that goes there."""

    def set_variables(self, variables: dict[str, str]) -> None:
        # Otherwise nothing that was parsed holds any more.
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        self.parse()
