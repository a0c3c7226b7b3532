"""``qalgs about``: versions, for bug reports."""

from __future__ import annotations

import json

import numpy as np

from qalgs.results import provenance


def about() -> None:
    """Print the versions that a bug report needs."""
    record = provenance("none", np.random.SeedSequence(0), "none")
    print(json.dumps({k: v for k, v in record.items() if k not in ("method", "seed", "source")}, indent=2))
