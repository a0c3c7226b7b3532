"""Variational algorithms on placements: fidelity-map schedules, walks and co-location."""
