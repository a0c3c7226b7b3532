"""One HTML page of text, numbers and pictures that needs nothing but itself."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 130


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure and what it shows."""

    figure: Figure
    caption: str

    def html(self) -> str:
        """The figure as PNG inside the page."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=_DPI, bbox_inches="tight", facecolor="white")
        data, text = base64.b64encode(file.getvalue()).decode(), html.escape(self.caption)
        return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'


@dataclass(frozen=True, eq=False)
class Section:
    """What there is to say about one run."""

    title: str
    words: str
    """Plain sentences."""
    numbers: Mapping[str, str]
    """Name to value, with its error."""
    pictures: Sequence[Picture]
    commands: Sequence[str]
    """Shell commands: first the one that makes this section again, then one that goes on from it."""
    code: str
    """The same in Python."""
    seconds: float = float("nan")

    def html(self) -> str:
        """The section with its pictures side by side where there is room."""
        rows = "".join(
            f"<tr><th scope=row>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in self.numbers.items()
        )
        commands = "\n".join(html.escape(command) for command in self.commands)
        return (
            f"<section><h2>{html.escape(self.title)}</h2><p>{html.escape(self.words)}</p>\n"
            f"<div class=pictures>{''.join(picture.html() for picture in self.pictures)}</div>\n"
            f"<table>{rows}</table>\n"
            f"<details><summary>Again, in the shell and in Python ({self.seconds:.0f} s here)</summary>"
            f"<pre>{commands}</pre><pre>{html.escape(self.code.strip())}</pre></details></section>"
        )


def page(title: str, opening: str, sections: Sequence[Section], versions: Mapping[str, str], missing: str = "") -> str:
    """The whole page.

    Args:
        title: heading.
        opening: first paragraph.
        sections: what was run.
        versions: name to version, for the end.
        missing: what was not run, and why; nothing where all was.
    """
    warning = f"<p class=missing>{html.escape(missing)}</p>" if missing else ""
    body = "\n".join(section.html() for section in sections)
    listed = ", ".join(f"{html.escape(name)} {html.escape(version)}" for name, version in versions.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(opening)}</p>{warning}
{body}
<footer><p>{listed}</p></footer>
</body>
</html>
"""


_STYLE = """
:root { --ink: #1c2430; --paper: #fbfbf9; --quiet: #5a6675; --rule: #d8dce2; --block: #eef0f3; --accent: #1f5f8b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --paper: #15191f; --quiet: #9aa6b5; --rule: #333b46; --block: #20262e; --accent: #7cb8e0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
p { max-width: 46rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: .8rem;
  align-items: start; }
figure { margin: 0; }
img { width: 100%; height: auto; display: block; background: #fff; border-radius: .4rem; padding: .3rem; }
figcaption, footer { color: var(--quiet); font-size: .85rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: normal; color: var(--quiet); padding: .15rem 1.2rem .15rem 0; vertical-align: top;
  min-width: 8rem; }
td { padding: .15rem 0; }
summary { cursor: pointer; color: var(--accent); }
pre { background: var(--block); padding: .7rem .8rem; border-radius: .4rem; overflow-x: auto; font-size: .85rem;
  overflow-wrap: normal; }
.missing { border-left: .25rem solid #c0392b; padding-left: .8rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); }
"""
