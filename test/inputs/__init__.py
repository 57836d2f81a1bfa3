"""What is read and written, row by row. The tests try each row, and docs/inputs.md is made of the same rows:

    cd test && python -m inputs

A section has a module of its own, whose rows know how to make such an input; `SECTIONS` puts them in order.
"""

from inputs import bags, compressed_messages, image_messages, pictures, videos
from inputs.section import Section

SECTIONS: tuple[Section, ...] = tuple(
    kind.SECTION for kind in (image_messages, compressed_messages, bags, videos, pictures)
)


def document():
    """Return docs/inputs.md."""
    lines = ["# What is read and written", "", "Made from the tests' own list by `cd test && python -m inputs`."]
    for section in SECTIONS:
        lines += ["", f"## {section.title}", "", section.introduction, "", row_of(section.head)]
        lines += [row_of(["---"] * len(section.head)), *(row_of(cells) for cells in section.table)]
    return "\n".join(lines) + "\n"


def row_of(cells):
    return f"| {' | '.join(cells)} |"
