"""All sectors of a molecule, one after the other, as one result.

Axes: k levels, K states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from qalgs.checks import argument, positive_int
from qalgs.eigen.problem import as_problem
from qalgs.eigen.result import EigenResult
from qalgs.eigen.ritz import Matrices
from qalgs.problems import Molecule, fermions
from qalgs.run import History, Status

Solve = Callable[[Molecule, int, int], EigenResult]
"""From a sector, the levels wanted of it and its number to these levels."""


def solve_sectors(H: Any, k: Any, sign: int, solve: Solve, record: dict[str, str]) -> EigenResult:
    """The k lowest (or for ``sign`` -1 highest) levels of all states with the molecule's electrons.

    Raises:
        TypeError: ``H`` is no molecule, or ``k`` no integer.
        ValueError: there are not so many levels.
    """
    if not isinstance(H, Molecule):
        raise TypeError(argument("H", 'be a Molecule for sector "all"', f"it is a {type(H).__name__}"))
    total = len(fermions.determinants(H.num_modes, H.num_electrons))
    k, results, labels = positive_int(k, "k", maximum=total), list[EigenResult](), list[str]()
    for i, (label, part) in enumerate(_parts(H)):
        results.append(solve(part, min(k, as_problem(part).dim), i))
        labels.append(label)
        if results[-1].status in (Status.STOPPED, Status.INTERRUPTED):
            break
    return _merged(results, labels, k, sign, record)


def _parts(molecule: Molecule) -> Iterator[tuple[str, Molecule]]:
    """Every sector and every Sz of it, each with a determinant as its reference."""
    whole = molecule.encoding.symmetries is None
    occupations = fermions.determinants(molecule.num_modes, molecule.num_electrons)
    for part in (molecule,) if whole else molecule.tapered_sectors():
        held = occupations[part.encoding.holds(occupations)].astype(np.uint8)
        signs = [] if part.encoding.symmetries is None else part.encoding.symmetries.tapering_values
        word = "".join("-" if value < 0 else "+" for value in signs or ())
        spins = (held[:, ::2].sum(axis=1, dtype=int) - held[:, 1::2].sum(axis=1, dtype=int)) / 2
        for spin in np.unique(spins):
            yield f"Sz={spin:g} {word}".strip(), replace(part, occupation=held[spins == spin][0])


def _merged(
    results: Sequence[EigenResult], labels: Sequence[str], k: int, sign: int, record: dict[str, str]
) -> EigenResult:
    """Blocks side by side, and the best levels of them all."""
    found = np.concatenate([result.eigenvalues for result in results])
    order = np.argsort(sign * found, kind="stable")[:k]
    own = np.concatenate([result.energies for result in results])
    best = np.argsort(sign * own, kind="stable")[:k]

    def taken(parts: Sequence[Any], chosen: Any) -> Any:
        values = np.concatenate(parts)[chosen]
        return np.concatenate([values, np.full(k - len(values), np.nan)])

    offsets = np.cumsum([0, *(len(result.players) for result in results)])
    shifted = list(zip(offsets.tolist(), results, strict=False))
    together: Any = block_diag
    vectors = together(*(result.vectors for result in results))[:, order]
    ritz = [result.ritz_values for result in results if result.ritz_values is not None]
    failed = [result for result in results if result.status is not Status.CONVERGED]
    counted = dict.fromkeys(name for result in results for name in result.counted)
    return replace(
        (failed or results)[0],
        eigenvalues=taken([found], order),
        eigenvalues_err=taken([result.eigenvalues_err for result in results], order),
        energies=taken([own], best),
        energies_err=taken([result.energies_err for result in results], best),
        ritz_values=sign * np.sort(sign * np.concatenate(ritz)) if len(ritz) == len(results) else None,
        vectors=np.pad(vectors, ((0, 0), (0, k - vectors.shape[1]))),
        matrices=Matrices(*(together(*(getattr(r.matrices, f.name) for r in results)) for f in fields(Matrices))),
        players=tuple(replace(p, index=first + p.index) for first, result in shifted for p in result.players),
        basis=tuple((first + player, label) for first, result in shifted for player, label in result.basis),
        circuits=tuple(c for result in results for c in result.circuits[: len(result.players)]),
        sectors=tuple(label for label, result in zip(labels, results, strict=True) for _ in result.basis),
        aux={name: taken([result.aux[name] for result in results], order) for name in results[0].aux},
        shift=None,
        history=_history([result.history for result in results]),
        cost=sum((result.cost for result in results[1:]), results[0].cost),
        counted={name: sum(result.counted.get(name, 0) for result in results) for name in counted},
        provenance=record,
        warnings=tuple(dict.fromkeys(text for result in results for text in result.warnings)),
        measure=None,
        wall_seconds=sum(result.wall_seconds for result in results),
    )


def _history(parts: Sequence[History]) -> History:
    """Rounds one after the other, with the number of the sector."""
    names = dict.fromkeys(name for part in parts for name in part)
    lengths = [len(part["step"]) for part in parts]
    columns = {
        name: np.concatenate([part.get(name, np.full(n, np.nan)) for part, n in zip(parts, lengths, strict=True)])
        for name in names
    }
    columns["step"] = np.arange(1.0, 1 + sum(lengths))
    columns["sector"] = np.repeat(np.arange(float(len(parts))), lengths)
    return columns
