"""The ``qalgs`` command. Flags are generated from the signatures and the method dataclasses."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 when done, 2 for a bad request, 130 if interrupted without a result."""
    from qalgs.backends import BackendError
    from qalgs.cli.commands import parsed

    try:
        parsed(sys.argv[1:] if args is None else args)()
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is still in the buffer would complain when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, TypeError, MemoryError, OSError, BackendError) as error:
        sys.stderr.write(f"qalgs: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("qalgs: interrupted before there was a result\n")
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
