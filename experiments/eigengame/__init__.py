"""The figures and claims of the EigenGame papers."""

PAPER = "arXiv 2503.13644"
