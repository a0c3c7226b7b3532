"""``python -m qalgs``: the ``qalgs`` command, for an environment whose scripts are not on the path."""

import sys

from qalgs.cli import main

if __name__ == "__main__":
    sys.exit(main())
