"""The demo, and a run over two of its tables that is already there to be reviewed; a person's own
`config.yml`, keyring and host."""

from tests.screens.profiles_world import empty, memory, mine, server
from tests.snapshot.conftest import home, reviewed, workspace

__all__ = ["empty", "home", "memory", "mine", "reviewed", "server", "workspace"]
