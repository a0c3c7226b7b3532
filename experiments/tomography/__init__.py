"""The figures and claims of the tomography papers."""
