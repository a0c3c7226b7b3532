"""How good a reconstruction is: figures of merit, fit to the data, the right rank, and errors."""
