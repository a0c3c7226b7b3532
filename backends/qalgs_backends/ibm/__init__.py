"""IBM Quantum Runtime, with every check made before a request is sent."""
