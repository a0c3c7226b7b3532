"""Every figure and table of the four papers, and the benchmarks against peers: `python -m experiments`."""
