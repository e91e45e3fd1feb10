"""amx-tui: describe cryptic database columns with a thinking model, in the terminal."""

__version__ = "0.1.0"
