"""What the pictures share: colours, axes, and what counts as a density matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qalgs.checks import argument, finite_array, positive_int

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1f3b5c"
LINES = (INK, "#c0392b", "#2a9d5c", "#d99a1c", "#7d3c98", "#2a7f9e", "#7f7f7f")
"""Colours of lines that are compared."""
POSITIVE, NEGATIVE, PLUS_I, MINUS_I = "#1f4e9e", "#c0392b", "#2a9d5c", "#d99a1c"
"""Colours of the phases 0, pi, pi/2 and -pi/2."""
STATES = 8
"""Basis states shown unless asked otherwise."""

States = int | Sequence[int] | NDArray[np.intp]


def new_axes(ax: Axes | None) -> Axes:
    """``ax``, or the Axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5, 4), layout="constrained")[1]


def as_matrix(rho: Any) -> NDArray[np.complexfloating]:
    """The (d, d) matrix of a matrix, a state vector, or anything with ``density_matrix()`` or ``data``.

    Raises:
        ValueError: it is not square.
    """
    plain: ArrayLike = rho.density_matrix() if hasattr(rho, "density_matrix") else getattr(rho, "data", rho)
    array = finite_array(plain, "rho", dtype=complex)
    if array.ndim == 1:
        array = np.outer(array, array.conj())
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(argument("rho", "be a square matrix or a vector", f"its shape is {array.shape}"))
    return array


def populated(rho: Any, number: int) -> NDArray[np.intp]:
    """The ``number`` most populated basis states of ``rho``, in increasing order."""
    matrix = as_matrix(rho)
    number = positive_int(number, "number")
    return np.sort(np.argsort(-np.diag(matrix).real, kind="stable")[:number])


def chosen_states(matrix: NDArray[np.complexfloating], states: States) -> NDArray[np.intp]:
    """The basis states that ``states`` asks for: so many of the most populated ones, or those listed.

    Raises:
        ValueError: a state is out of range, or there are none.
    """
    chosen = populated(matrix, states) if isinstance(states, int) else np.asarray(states, int)
    if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= len(matrix):
        raise ValueError(argument("states", f"lie in 0..{len(matrix) - 1}", f"they are {chosen.tolist()}"))
    return chosen


def state_names(matrix: NDArray[np.complexfloating], chosen: NDArray[np.intp]) -> list[str]:
    """Bit strings of the basis states, qubit 0 rightmost."""
    bits = max(1, (len(matrix) - 1).bit_length())
    return [format(state, f"0{bits}b") for state in chosen]


def titled(title: str | None, matrix: NDArray[np.complexfloating], chosen: NDArray[np.intp]) -> str:
    """The title, with the share of the population that the chosen states hold where they are not all."""
    share = float(np.diag(matrix).real[chosen].sum())
    part = f"{len(chosen)} of {len(matrix)} states, {share:.1%} of the population"
    return "\n".join(filter(None, (title, "" if len(chosen) == len(matrix) else part)))
