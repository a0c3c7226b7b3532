"""Device data: calibrations, device models by name, and fidelity maps."""
