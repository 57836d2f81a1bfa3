"""The comparison as one HTML file that needs nothing but a browser: template, pictures and numbers put together."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from illumigan_model import __version__
from illumigan_model.errors import FrameError
from illumigan_model.system.files import shown, write_bytes
from illumigan_model.system.machine import cores, processor_name
from illumigan_ros.compare import charts
from illumigan_ros.compare.measuring import QUANTITIES, MeasuredFootage, MeasuredFrame
from illumigan_ros.compare.methods import RAW, Method
from illumigan_ros.compare.moments import choose_moments
from illumigan_ros.compare.verdicts import Verdicts

HERE = Path(__file__).parent
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Shown:
    """A footage as the page shows it: what was measured, the verdicts on each of its frames, a table of truth or {}."""

    footage: MeasuredFootage
    verdicts: list[Verdicts]
    scores: Any = None


@dataclass
class Page:
    """What the page is about.

    `main` is the method that stands against raw until another one is chosen; `detector` says which one looked, "" for
    none; `notes` are sentences that people must know before they believe a number, `sampling` says what was left out on
    purpose.
    """

    footages: list[Shown]
    methods: Sequence[Method]
    main: str
    detector: str
    notes: list[str] = field(default_factory=list)
    sampling: list[str] = field(default_factory=list)


def write_page(page: Page, out: Path, moments: int, megabytes: float) -> int:
    """Write the page with at most so many moments of all footages together, fewer where it would be too large.

    Args:
        page: what it is about; `sampling` tells where moments had to be left out.
        out: the file.
        moments: how many to show, if there are so many, at least one of each footage.
        megabytes: how large the file may be, in 10^6 bytes.

    Returns:
        how many moments it shows.

    Raises:
        FrameError: it does not fit with a single moment of each footage, or cannot be written.
    """
    wanted = count = moments
    sampling = list(page.sampling)
    while True:
        content, chosen = render(page, count)
        if len(content) <= megabytes * MEGABYTE:
            write_bytes(out, content)
            return chosen
        if chosen <= len(page.footages):
            size = len(content) / MEGABYTE
            raise FrameError(
                f"{shown(out)} would have {size:.1f} MB with a single moment, and {megabytes:g} are allowed; compare "
                "fewer footages or methods, or make the pictures smaller with --width."
            )
        count = max(len(page.footages), min(chosen - 1, int(chosen * megabytes * MEGABYTE / len(content))))
        page.sampling = [*sampling, f"{count} of {wanted} moments are shown, as the page may have {megabytes:g} MB."]


def render(page: Page, moments: int) -> tuple[bytes, int]:
    """Return the page with about so many moments, at least one of each footage, and how many there are."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    names = [method.name for method in page.methods]
    each = max(1, moments // len(page.footages))
    shown_moments = [
        moment(place, shown.footage.frames[frame], frame, shown.verdicts[frame], page)
        for place, shown in enumerate(page.footages)
        for frame in choose_moments([sum(verdicts.change(RAW, page.main)) for verdicts in shown.verdicts], each)
    ]
    shown_moments.sort(key=lambda shown: not sum(shown["change"]))  # what changed first, whatever its footage
    data: dict[str, Any] = {
        "methods": names,
        "left": names.index(RAW),
        "right": names.index(page.main),
        "digits": {name: quantity.digits for name, quantity in QUANTITIES.items()},
        "footages": [
            {
                "name": shown.footage.name,
                "names": [frame.name for frame in shown.footage.frames],
                "across": charts.places(shown.footage),
                "series": as_short(charts.series(shown.footage, names)),
            }
            for shown in page.footages
        ],
        "moments": shown_moments,
    }
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.get_template("page.html").render(
        page=page,
        names=names,
        data=data,
        changed=sum(1 for shown in shown_moments if sum(shown["change"])),
        charts=[charts.draw(shown.footage, names) for shown in page.footages],
        summaries=[summary_rows(shown, names) for shown in page.footages],
        quantities=QUANTITIES,
        measured={name for footage in data["footages"] for name in footage["series"]},
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        size=(charts.WIDTH, charts.HEIGHT),
        version=__version__,
        date=datetime.date.today().isoformat(),
        machine=f"{processor_name()}, {cores()} cores",
    )
    return text.encode("utf-8", "replace"), len(shown_moments)


def moment(place: int, frame: MeasuredFrame, number: int, verdicts: Verdicts, page: Page) -> dict[str, Any]:
    """Return what the script needs to show one frame; boxes are (left, top, right, bottom) as shares of the picture."""
    names = [method.name for method in page.methods]
    scale = [*frame.size, *frame.size]
    sides = []
    for name in names:
        boxes = []
        seen = verdicts.seen.get(name)
        if seen is not None:
            for index, box in enumerate(seen.boxes / scale):
                alone = [other for other, there in enumerate(names) if verdicts.alone[name][there][index]]
                label = f"{seen.names[seen.classes[index]]} {100 * seen.scores[index]:.0f}"
                boxes.append([as_corners(box), label, alone])
        side = frame.sides[name]
        sides.append({"jpeg": as_base64(side.jpeg), "unchanged": side.unchanged, "boxes": boxes})
    truth = []
    if verdicts.truth is not None:
        for index, box in enumerate(verdicts.truth.boxes):
            truth.append([as_corners(box), [n for n, name in enumerate(names) if verdicts.truth.found[name][index]]])
    return {
        "footage": place,
        "frame": number,
        "name": frame.name,
        "size": frame.size,
        "change": verdicts.change(RAW, page.main),
        "sides": sides,
        "truth": truth,
        "attention": as_base64(frame.attention),
    }


def summary_rows(shown: Shown, names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the titles and rows of a footage's numbers: a row a method, and beside raw what it gains and loses."""
    means = charts.summary(shown.footage, names)
    titles = [f"{QUANTITIES[name].title}, {QUANTITIES[name].unit}".rstrip(", ") for name in means]
    rows = []
    for number, method in enumerate(names):
        values = [(means[name][number], max(1, QUANTITIES[name].digits)) for name in means]
        rows.append([method, *("" if value is None else f"{value:.{digits}f}" for value, digits in values)])
    if "boxes" in means:
        titles += ["Gained a frame", "Lost a frame"]
        rows[0] += ["", ""]
        for number, method in enumerate(names[1:], 1):
            changes = [verdicts.change(RAW, method) for verdicts in shown.verdicts]
            rows[number] += [f"{sum(of) / len(changes):.2f}" for of in zip(*changes, strict=True)]
    return titles, rows


def as_short(series: dict[str, list[list[float | None]]]) -> dict[str, list[list[float | None]]]:
    """Return numbers rounded to what is shown of them."""
    return {
        name: [[None if value is None else round(value, QUANTITIES[name].digits) for value in line] for line in lines]
        for name, lines in series.items()
    }


def as_corners(box: Any) -> list[float]:
    """Return a box that ends at the edges of its picture, in shares of it to four digits."""
    return [round(min(max(float(corner), 0.0), 1.0), 4) for corner in box]


def as_base64(content: bytes) -> str:
    """Return bytes as text."""
    return base64.b64encode(content).decode()
