"""The figures and claims of Nest, on one footing: equal starts, budgets, restarts and stopping rule for all policies."""
