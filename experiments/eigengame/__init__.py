"""The figures and claims of the EigenGame papers."""
