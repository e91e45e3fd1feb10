"""The demo, and a run over two of its tables that is already there to be reviewed."""

from tests.snapshot.conftest import home, reviewed, workspace

__all__ = ["home", "reviewed", "workspace"]
