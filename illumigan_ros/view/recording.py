"""A recording for the viewer Rerun: pictures, numbers and curves on one timeline, in a file or in an open viewer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from illumigan_model.attention import mean_luma
from illumigan_model.errors import FrameError, IllumiganError, first_line
from illumigan_model.frames.curves import GRID_WH, KNOTS
from illumigan_model.system.files import require_writable, unwritable, whole_file
from illumigan_ros.recordings.window import require_screen

APPLICATION, TIMELINE = "illumigan", "time"
PICTURES = ("input", "enhanced", "attention")
JPEG_QUALITY = 85
COLOURS = {"red": (224, 82, 82), "green": (74, 168, 96), "blue": (76, 128, 224)}
STAGES, LUMINANCE, CURVES = "stages_ms", "luminance", "curves"


class Recording:
    """What is logged; see `recording_into_file` and `recording_into_viewer`."""

    def __init__(self, stream: Any) -> None:
        """Take an open rerun.RecordingStream."""
        self._stream = stream

    def at(self, seconds: float, *, is_date: bool = False) -> None:
        """Set the time of what is logged next: in the footage, or (with `is_date`) since 1970."""
        self._stream.set_time(TIMELINE, **{"timestamp" if is_date else "duration": seconds})

    def picture(self, name: str, pixels: np.ndarray) -> None:
        """Log a picture, uint8 H x W x 3 BGR or H x W, and the mean luminance of one in colours."""
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        self._log(name, _rerun().EncodedImage(contents=jpeg, media_type="image/jpeg"))
        if pixels.ndim == 3:
            self._number(f"{LUMINANCE}/{name}", mean_luma(pixels))

    def stages(self, milliseconds: Mapping[str, float]) -> None:
        """Log what each stage took."""
        for stage, value in milliseconds.items():
            self._number(f"{STAGES}/{stage}", value)

    def curves(self, grid: np.ndarray, tile: tuple[int, int]) -> None:
        """Log the tone curves of a tile (column, row), as `Enhancer.curves` has them: level in, level out, 0..255."""
        rr = _rerun()
        across = 255 * (np.arange(KNOTS) / (KNOTS - 1)) ** 2
        for number, (name, colour) in enumerate(COLOURS.items()):
            up = 255 * grid[number * KNOTS : (number + 1) * KNOTS, tile[1], tile[0]]
            line = np.stack([across, 255 - up], axis=1)  # its y axis points down
            self._log(f"{CURVES}/{name}", rr.LineStrips2D([line], colors=[colour], labels=[name]))

    def _number(self, place: str, value: float) -> None:
        self._log(place, _rerun().Scalars(value))

    def _log(self, place: str, what: Any, **options: Any) -> None:
        self._stream.log(place, what, **options)


@contextmanager
def recording_into_file(path: Path) -> Iterator[Recording]:
    """Give a recording that is in the file in the end, whole; raises FrameError if that cannot be written."""
    require_writable(path)
    stream = _rerun().RecordingStream(APPLICATION)
    try:
        with whole_file(path) as part:
            stream.save(part, default_blueprint=_blueprint())
            yield Recording(stream)
            stream.disconnect()
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def recording_into_viewer() -> Iterator[Recording]:
    """Open the viewer and give a recording that it shows; raises FrameError if there is none, or no display."""
    advice = "write a file for the viewer with --save"
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise FrameError(f"There is no display here (DISPLAY is not set); {advice}.")
    if os.environ.get("DISPLAY"):
        require_screen(advice)
    # Rerun looks for its viewer on the path, where that of an environment that is not activated does not lie.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    stream = _rerun().RecordingStream(APPLICATION)
    try:
        stream.spawn(default_blueprint=_blueprint())
    except RuntimeError as error:
        raise FrameError(f"The Rerun viewer did not start ({first_line(error)}); {advice}.") from error
    yield Recording(stream)
    stream.flush()


def require_tile(tile: str) -> tuple[int, int]:
    """Return column and row of a tile such as 8,4; raises FrameError if there is no such tile."""
    column, _, row = tile.partition(",")
    if not (column.isdecimal() and row.isdecimal() and int(column) < GRID_WH[0] and int(row) < GRID_WH[1]):
        most = f"{GRID_WH[0] - 1},{GRID_WH[1] - 1}"
        raise FrameError(f"--tile is a column and a row from 0,0 to {most}, not {tile}.")
    return int(column), int(row)


def _rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise IllumiganError("The viewer Rerun is missing; install it with: pip install 'illumigan[view]'.") from error
    return rerun


def _blueprint() -> Any:
    """Return how the viewer lays out what is logged: pictures above, numbers and curves below."""
    _rerun()
    import rerun.blueprint as rrb

    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(*(rrb.Spatial2DView(name=name, origin=name) for name in PICTURES)),
            rrb.Horizontal(
                rrb.TimeSeriesView(name=LUMINANCE, origin=LUMINANCE),
                rrb.TimeSeriesView(name="stages, ms", origin=STAGES),
                rrb.Spatial2DView(name="curves of a tile", origin=CURVES),
            ),
            row_shares=[3, 2],
        ),
        collapse_panels=True,
    )
