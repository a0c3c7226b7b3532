"""The figures and claims of the tomography papers."""

PAPER = "arXiv 2203.11579"
