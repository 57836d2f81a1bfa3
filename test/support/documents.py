"""The blocks of the documentation.

A comment in the line before a block says why it is not run: `<!-- needs ROS -->`, or a camera, a GPU, a network; or
where it is: `<!-- tested in test/ros/demo/test_demo.py -->`. Shell and Python blocks without one are run as they stand.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A block: where it is, its language, its text, and what the comment before it says ("" for none)."""

    place: str
    language: str
    text: str
    note: str

    @property
    def is_run(self):
        return not self.note

    def lines(self):
        """Return its commands, one a line: those that go on in the next line joined, without comments."""
        joined = re.sub(r"\\\n", " ", self.text)
        return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()) if line]


def blocks(*languages):
    """Return the blocks of all pages in these languages."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in BLOCK.finditer(text):
            place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            found.append(Block(place, match["language"], match["text"], match["note"] or ""))
    return [block for block in found if block.language in languages]
