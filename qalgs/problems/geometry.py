"""Shapes of small molecules, in angstrom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qalgs.checks import one_of, real

# Bond length (angstrom) unless another is asked for, and charge. Measured equilibrium lengths where there are any.
_BONDS: dict[str, tuple[float, int]] = {
    "H2": (0.7414, 0),
    "H3+": (0.874, 1),
    "HeH+": (0.775, 1),
    "LiH": (1.595, 0),
    "BeH2": (1.326, 0),
    "H2O": (0.958, 0),
    "H4": (0.9, 0),
}
_WATER_ANGLE = np.deg2rad(104.5)

NAMES = tuple(_BONDS)


def geometry(name: str, bond_length: float | None = None) -> tuple[tuple[str, ...], NDArray[np.float64], int]:
    """Symbols, (atoms, 3) coordinates in angstrom, and charge of a named molecule.

    H3+ is an equilateral triangle, BeH2 and H4 are chains of equal bonds, and the angle of H2O is 104.5 degrees.

    Raises:
        TypeError: ``bond_length`` is not a number.
        ValueError: the name is not known or the bond length is not positive.
    """
    one_of(name, "name", NAMES)
    usual, charge = _BONDS[name]
    d = usual if bond_length is None else real(bond_length, "bond_length", above=0.0)
    if name == "H2O":
        side, up = np.sin(_WATER_ANGLE / 2), np.cos(_WATER_ANGLE / 2)
        return ("O", "H", "H"), d * np.array([[0, 0, 0], [0, side, up], [0, -side, up]]), charge
    if name == "H3+":
        return ("H", "H", "H"), d * np.array([[0, 0, 0], [0, 0, 1], [0, np.sqrt(3) / 2, 0.5]]), charge
    chains = {"H2": ("H", "H"), "HeH+": ("He", "H"), "LiH": ("Li", "H"), "BeH2": ("H", "Be", "H"), "H4": ("H",) * 4}
    symbols = chains[name]
    return symbols, d * np.outer(np.arange(len(symbols)), [0.0, 0.0, 1.0]), charge
