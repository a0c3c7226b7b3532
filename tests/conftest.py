"""Shared by all tests: one thread per process, no windows, no interpreter-wide warnings about threads."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings  # noqa: E402

settings.register_profile("qalgs", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("qalgs")
