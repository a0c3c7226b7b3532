"""``qalgs cite``: what to cite, as BibTeX."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Paper:
    """A method's source."""

    key: str
    title: str
    authors: tuple[str, ...]
    """As "Family, Given"."""
    year: int
    arxiv: str
    used: str
    """Where qalgs uses it."""


PAPERS = (
    Paper(
        "local_sfgd",
        "Local Stochastic Factored Gradient Descent for Distributed Quantum State Tomography",
        ("Kim, Junhyung Lyle", "Toghani, Mohammad Taha", "Uribe, César A.", "Kyrillidis, Anastasios"),
        2022,
        "2203.11579",
        "qalgs.tomography with LocalSFGD",
    ),
    Paper(
        "quantum_eigengame",
        "Quantum EigenGame for excited state calculation",
        ("Quiroga, David", "Han, Jason", "Kyrillidis, Anastasios"),
        2025,
        "2503.13644",
        "qalgs.eigensolve with EigenGame",
    ),
    Paper(
        "qlsp_proximal_point",
        "A Catalyst Framework for the Quantum Linear System Problem via the Proximal Point Algorithm",
        ("Kim, Junhyung Lyle", "Chia, Nai-Hui", "Kyrillidis, Anastasios"),
        2024,
        "2406.13879",
        "qalgs.linear_solve with ProximalPoint",
    ),
    Paper(
        "nest",
        "Three Birds with One Stone: Improving Performance, Convergence, and System Throughput with Nest",
        ("Huo, Yuqian", "Quiroga, David", "Kyrillidis, Anastasios", "Patel, Tirthak"),
        2025,
        "2510.09578",
        "qalgs.vqe with Nest, qalgs.colocate",
    ),
)


def cite() -> None:
    """Print the citations of qalgs and of the papers whose methods it has, as BibTeX."""
    print("% If you use qalgs, please cite it and the paper of the method you used.")
    print(_entry("software", "qalgs", {"title": "{qalgs}: quantum algorithms that run for real"} | _own()))
    for paper in PAPERS:
        facts = {
            "title": paper.title,
            "author": " and ".join(paper.authors),
            "year": str(paper.year),
            "eprint": paper.arxiv,
            "archiveprefix": "arXiv",
            "url": f"https://arxiv.org/abs/{paper.arxiv}",
        }
        print(f"\n% {paper.used}\n{_entry('misc', paper.key, facts)}")


def _own() -> dict[str, str]:
    return {"author": "{The qalgs developers}", "version": version("qalgs"), "license": "Apache-2.0"}


def _entry(kind: str, key: str, facts: dict[str, str]) -> str:
    lines = [f"  {name:13} = {{{value}}}," for name, value in facts.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
