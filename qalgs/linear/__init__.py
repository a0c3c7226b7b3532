"""Linear systems: quantum solvers, and the proximal-point wrapper around any of them."""
