"""The figures and claims of Nest, with equal starts, budgets, restarts and stopping rule for all policies."""

PAPER = "arXiv 2510.09578"
