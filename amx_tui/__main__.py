"""`python -m amx_tui` is `amx-tui`."""

import sys

from amx_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
