"""Benchmarks, each paired with its peer in the same run."""
