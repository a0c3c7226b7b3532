"""``qalgs help``: the docstring of any public name."""

from __future__ import annotations

import ast
import difflib
import inspect
import pydoc
import sys
import textwrap
from dataclasses import is_dataclass
from types import ModuleType
from typing import Annotated, Any

import tyro

import qalgs
from qalgs.checks import argument

_ALIASES = ("qa.", "qalgs.")
_MODULES = ("backends", "callbacks", "circuits", "optimizers", "plot", "problems")
"""Modules that a program names."""


class _Bare(str):
    """An annotation that is shown without quotation marks."""

    __slots__ = ()
    __repr__ = str.__str__


def reference(name: Annotated[str, tyro.conf.Positional] = "qalgs") -> None:
    """Show what is written about a public name, such as tomography, qa.plot.city or backends.

    Args:
        name: as it is written in a program, with or without qa or qalgs in front.
    """
    text = described(name)
    if sys.stdout.isatty():
        pydoc.pager(text)
    else:
        print(text)


def described(name: str) -> str:
    """Signature and docstring of a function, settings of a method, contents of a module.

    Raises:
        ValueError: there is no such public name; the nearest ones are named.
    """
    known = public()
    short = name
    for alias in _ALIASES:
        short = short.removeprefix(alias)
    if short in ("qa", "qalgs", ""):
        return _contents("qalgs", qalgs, known)
    if short not in known:
        raise ValueError(argument("name", "be a public name of qalgs", f"it is {name!r}{_meant(short, known)}"))
    thing = known[short]
    if isinstance(thing, ModuleType):
        return _contents(short, thing, known)
    return "\n\n".join(filter(None, [f"qalgs.{short}{_signature(thing)}", inspect.getdoc(thing), _settings(thing)]))


def public() -> dict[str, Any]:
    """Every public name of qalgs and of the modules that it shows, by the name that a program writes after ``qa.``."""
    found = _names(qalgs)
    for name in _MODULES:
        module = getattr(qalgs, name)
        found |= {name: module} | {f"{name}.{key}": thing for key, thing in _names(module).items()}
    return found


def _names(module: ModuleType) -> dict[str, Any]:
    """The functions and classes of ours that a module shows; its ``__init__`` or itself if it is one file."""
    ours = ("qalgs.", "qalgs_backends")
    package = hasattr(module, "__path__") or module is qalgs.backends
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and callable(thing)
        and (getattr(thing, "__module__", None) or "").startswith(ours if package else module.__name__)
    }


def _contents(name: str, module: ModuleType, known: dict[str, Any]) -> str:
    prefix = "" if module is qalgs else f"{name}."
    listed = [key for key in known if key.startswith(prefix) and "." not in key[len(prefix) :] and key != name]
    width = max(map(len, listed)) + 2
    lines = [f"{key:{width}}{_first_line(known[key])}" for key in sorted(listed, key=str.lower)]
    return "\n".join([inspect.getdoc(module) or name, "", *lines])


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _signature(thing: Any) -> str:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = [p.replace(annotation=_bare(p.annotation)) for p in signature.parameters.values()]
    signature = signature.replace(parameters=parameters, return_annotation=_bare(signature.return_annotation))
    whole = str(signature)
    if len(whole) < 80:
        return whole
    parts = [str(p) for p in parameters]
    star = next((i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY), None)
    if star is not None:
        parts.insert(star, "*")
    returns = whole.rpartition(" -> ")
    return "(\n" + "".join(f"    {part},\n" for part in parts) + ")" + (f" -> {returns[2]}" if returns[1] else "")


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _settings(thing: Any) -> str:
    """The fields of a dataclass, each with the text below it in the source."""
    if not (isinstance(thing, type) and is_dataclass(thing)):
        return ""
    lines = []
    for kind in reversed(thing.__mro__):
        if is_dataclass(kind):
            lines += _documented(kind)
    return "\n".join(lines)


def _documented(kind: type) -> list[str]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, ValueError):
        return []
    assert isinstance(tree, ast.ClassDef)
    lines = []
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            lines.append(ast.unparse(node))
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                lines.append(textwrap.indent(inspect.cleandoc(str(after.value.value)), "    "))
    return lines


def _meant(name: str, known: dict[str, Any]) -> str:
    """Names that end in the same word, or nearly so."""
    last = name.rpartition(".")[2]
    same = [key for key in known if key.rpartition(".")[2].lower() == last.lower()]
    near = same or difflib.get_close_matches(name, known, 3) or _near_words(last, known)
    return f"; did you mean {' or '.join(near)}" if near else ""


def _near_words(last: str, known: dict[str, Any]) -> list[str]:
    words = {key.rpartition(".")[2]: key for key in known}
    return [words[word] for word in difflib.get_close_matches(last, words, 3)]
