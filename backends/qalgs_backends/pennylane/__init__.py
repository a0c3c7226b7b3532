"""PennyLane as a citizen: circuits and operators both ways, and a PennyLane device on any backend."""
