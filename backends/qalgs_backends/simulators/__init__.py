"""Simulators on this machine: our own exact engine, Aer, Lightning, and noise from a calibration."""
