"""Argument checks. Every message has the form "Argument `x` must ..., but ..."."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def argument(name: str, must: str, but: str) -> str:
    """The house's error sentence."""
    return f"Argument `{name}` must {must}, but {but}."


def positive_int(value: Any, name: str, *, minimum: int = 1, maximum: int | None = None) -> int:
    """``value`` as an int, at least ``minimum`` and at most ``maximum``.

    Raises:
        TypeError: it is not an integer (a bool is not one).
        ValueError: it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(argument(name, "be an integer", f"it is {value!r} of type {type(value).__name__}"))
    number = int(value)
    if number < minimum:
        raise ValueError(argument(name, f"be at least {minimum}", f"it is {number}"))
    if maximum is not None and number > maximum:
        raise ValueError(argument(name, f"be at most {maximum}", f"it is {number}"))
    return number


def real(
    value: Any, name: str, *, above: float | None = None, low: float | None = None, high: float | None = None
) -> float:
    """``value`` as a finite float, greater than ``above`` and within ``[low, high]``.

    Raises:
        TypeError: it is not a real number.
        ValueError: it is not finite or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(argument(name, "be a real number", f"it is {value!r} of type {type(value).__name__}"))
    x = float(value)
    if not math.isfinite(x):
        raise ValueError(argument(name, "be finite", f"it is {x}"))
    if above is not None and not x > above:
        raise ValueError(argument(name, f"be greater than {above:g}", f"it is {x:g}"))
    if low is not None and x < low:
        raise ValueError(argument(name, f"be at least {low:g}", f"it is {x:g}"))
    if high is not None and x > high:
        raise ValueError(argument(name, f"be at most {high:g}", f"it is {x:g}"))
    return x


def flag(value: Any, name: str) -> bool:
    """``value`` itself, when it is True or False.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, bool):
        raise TypeError(argument(name, "be True or False", f"it is {value!r}"))
    return value


def one_of(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """``value`` itself, when it is one of ``choices``.

    Raises:
        ValueError: it is not.
    """
    if value not in choices:
        listed = ", ".join(repr(c) for c in choices)
        raise ValueError(argument(name, f"be one of {listed}", f"it is {value!r}"))
    return value


def finite_array(value: ArrayLike, name: str, *, ndim: int | None = None, dtype: Any = float) -> NDArray[Any]:
    """``value`` as an array of ``dtype`` without NaN or infinity.

    Raises:
        TypeError: it cannot be converted.
        ValueError: it has the wrong number of dimensions or a non-finite entry, which is named.
    """
    try:
        array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(argument(name, f"be an array of {np.dtype(dtype).name}", str(error))) from None
    if ndim is not None and array.ndim != ndim:
        raise ValueError(argument(name, f"have {ndim} dimensions", f"its shape is {array.shape}"))
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(argument(name, "be finite", f"entry {where} is {array[where]}"))
    return array


def shots_or_none(shots: int | None, name: str = "shots") -> int | None:
    """A positive number of shots, or None for exact values."""
    return None if shots is None else positive_int(shots, name)
