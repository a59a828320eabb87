"""``python -m lmgym``: the ``lmgym`` command."""

import sys

from lmgym.cli import main

if __name__ == "__main__":
    sys.exit(main())
