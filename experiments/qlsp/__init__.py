"""Linear systems with and without the proximal-point wrapper."""

PAPER = "arXiv 2406.13879"
