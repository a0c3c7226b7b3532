"""The page needs nothing but itself, and says whatever it is given."""

import base64
import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from qalgs.cli.report import Picture, Section, page

VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """Tags that are open, addresses that are named, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.text, self.balanced = [], [], [], True
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def drawing():
    canvas = Figure(figsize=(2, 1))
    canvas.subplots().plot([0, 1])
    return canvas


@pytest.fixture
def section():
    return Section(
        "Angles < & >",
        'Words with "quotes" & <b>tags</b>.',
        {"fidelity": "0.9 ± 0.1", "a<b": "x & y"},
        [Picture(drawing(), 'first "picture"'), Picture(drawing(), "second")],
        ["qalgs demo --only vqe"],
        "import qalgs as qa\nprint(1 < 2)",
        3.2,
    )


def test_a_page_is_balanced_and_names_no_other_file(section):
    text = page("Title", "Opening.", [section], {"qalgs": "1"})
    parsed = Page(text)
    assert parsed.balanced
    assert not parsed.open
    assert all(address.startswith("data:") for address in parsed.addresses)
    assert not re.search(r"https?:|@import|url\(|<script", text)
    assert parsed.addresses.count("data:,") == 1


def test_pictures_are_png(section):
    found = re.findall(r"data:image/png;base64,([^\"]+)", section.html())
    assert len(found) == 2
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for data in found)


def test_what_is_said_is_shown_as_it_is(section):
    shown = "".join(Page(page("T", "O", [section], {}, missing="Interrupted & <short>.")).text)
    for text in (section.title, section.words, "a<b", "x & y", section.code, "3 s here", "Interrupted & <short>."):
        assert text in shown


def test_the_page_follows_the_device(section):
    text = page("T", "O", [section], {})
    assert 'name="viewport" content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text
