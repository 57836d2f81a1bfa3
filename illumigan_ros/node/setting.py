"""A parameter of a node: name, default, allowed values, description and when it may change."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum


class Change(Enum):
    """When a parameter may be set."""

    LIVE = "any time"
    UNCONFIGURED = "before configure"
    START = "at start only"


@dataclass(frozen=True)
class Setting:
    """One row of the table; `low` and `high` are inclusive; `words` say what a text or list is, `check` complains."""

    name: str
    default: bool | int | float | str | list[str]
    description: str
    change: Change = Change.LIVE
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_for_node: bool = False  # and not for a camera, which may have its own
    words: str = "text"
    check: Callable[[object], str | None] | None = None

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return " | ".join(self.choices)
        if self.low is not None:
            return f"{self.low:g} .. {self.high:g}"
        return "true | false" if isinstance(self.default, bool) else self.words

    def complaint(self, value: object) -> str | None:
        """Return why `value` is not allowed, or None when it is; a whole number will do for a float."""
        kind = type(self.default)
        if self.check is not None:
            return self.check(value)
        if not (type(value) is kind or (kind is float and type(value) is int)):
            return f"{self.name} must be {_KINDS[kind]}, not {value!r}; allowed: {self.allowed}."
        if self.choices and value not in self.choices:
            return f"{self.name} must be one of {self.allowed}, not {value!r}."
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            return None if self.low <= value <= self.high else f"{self.name} must be in {self.allowed}, not {value!r}."
        return f"{self.name} must not be empty." if value == "" else None


_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def misspelt(names: Iterable[str], table: Iterable[Setting]) -> dict[str, str]:
    """Map each name that is not in the table, but nearly, to the one that was probably meant."""
    known = [setting.name for setting in table]
    strangers = [name for name in names if name not in known and "." not in name]
    guesses = {name: difflib.get_close_matches(name, known, 1, 0.8) for name in strangers}
    return {name: guess[0] for name, guess in guesses.items() if guess}


def markdown_table(table: Iterable[Setting]) -> str:
    """Return the table as Markdown, for the documentation."""
    rows = ["| Parameter | Default | Allowed | May change | What it does |", "|---|---|---|---|---|"]
    for row in table:
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        allowed = row.allowed.replace("|", r"\|")
        rows.append(f"| `{row.name}` | `{default}` | {allowed} | {row.change.value} | {row.description} |")
    return "\n".join(rows) + "\n"
