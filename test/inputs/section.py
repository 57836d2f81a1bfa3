from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A table of the document: a title, a paragraph above it, the head and the cells of its rows."""

    title: str
    introduction: str
    head: Sequence[str]
    table: Sequence[Sequence[str]]
