"""A window that shows a video before and after, while it is worked on, at the video's own pace."""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from pathlib import Path

import cv2
import numpy as np

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.sheets import captioned, side_by_side

LARGEST = (1600, 850)  # width and height in pixels that a window begins with at most
QUIT, PAUSE = (ord("q"), 27), ord(" ")
POLL_SECONDS, LATE = 0.03, 0.1
FONTS = Path("/usr/share/fonts")


class Pace:
    """When frames are due: as far apart as in the video. Of what came late nothing is caught up.

    `rate` is how many frames were shown in the last second.
    """

    def __init__(self) -> None:
        """Begin with the first frame that is asked for."""
        self._start: float | None = None  # when the video's time 0 was, or would have been
        self._shown: deque[float] = deque()

    @property
    def rate(self) -> int:
        """Frames shown in the last second."""
        return len(self._shown)

    def due_in(self, seconds: float) -> float:
        """Return in how many seconds the frame of a time in the video is due; negative if it is late."""
        now = time.monotonic()
        if self._start is None:
            self._start = now - seconds
        return self._start + seconds - now

    def shown(self, seconds: float) -> None:
        """Count a frame; where it was late, all others are later, too."""
        late = -self.due_in(seconds)
        if late > LATE and self._start is not None:
            self._start += late
        self._shown.append(time.monotonic())
        while self._shown[0] < self._shown[-1] - 1:
            self._shown.popleft()


class Window:
    """Shows input and result beside each other; q or Escape closes it, space holds it and lets it go on.

    Once it is closed, the work goes on unseen.
    """

    def __init__(self, title: str) -> None:
        """Check that windows can be opened; raises FrameError if not."""
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise FrameError("There is no display here (DISPLAY is not set); leave --display away.")
        if os.environ.get("DISPLAY"):
            require_screen("leave --display away")
        _let_qt_find_fonts()
        self._title = title
        self._is_open, self._is_made, self._is_held = True, False, False
        self._pace = Pace()

    def show(self, before: np.ndarray, after: np.ndarray, seconds: float) -> None:
        """Show a frame and its result, uint8 HxWx3 BGR, once its time in the video has come, and obey the keys."""
        if not self._is_open:
            return
        while self._is_open and (self._is_held or self._pace.due_in(seconds) > 0):
            self._obey(POLL_SECONDS if self._is_held else min(POLL_SECONDS, self._pace.due_in(seconds)))
        if self._is_open:
            self._pace.shown(seconds)
            picture = captioned(side_by_side(before, after), f"{seconds:.2f} s   {self._pace.rate} fps")
            if not self._is_made:
                self._make(picture.shape[1], picture.shape[0])
            cv2.imshow(self._title, picture)
            self._obey(0)

    def _make(self, width: int, height: int) -> None:
        """Make the window, for pictures of this size."""
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise FrameError("This OpenCV cannot open windows (a headless build); leave --display away.") from error
        self._is_made = True
        share = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
        cv2.resizeWindow(self._title, round(share * width), round(share * height))

    def _obey(self, seconds: float) -> None:
        """Wait for a key so long, and do what it says; a window that its user has closed is closed."""
        key = cv2.waitKey(max(1, round(1000 * seconds))) & 0xFF
        if key == PAUSE:
            self._is_held = not self._is_held
        if key in QUIT or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self.close()

    def close(self) -> None:
        """Close the window."""
        self._is_open = False
        if self._is_made:
            self._is_made = False
            cv2.destroyAllWindows()


def _let_qt_find_fonts() -> None:
    """Name Qt a folder of fonts, as OpenCV's wheel names it one that is not there; without any, let it not complain."""
    folder = Path(os.environ.get("QT_QPA_FONTDIR", FONTS))
    if not folder.is_dir():
        font = next(FONTS.rglob("*.ttf"), None)
        if font is None:
            os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        else:
            os.environ["QT_QPA_FONTDIR"] = str(font.parent)


def require_screen(advice: str) -> None:
    """Raise FrameError, with an advice, where the X server does not let us in, upon which Qt would end the process."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # it is not needed where windows are Wayland's
        return
    x11.XOpenDisplay.restype = ctypes.c_void_p
    screen = x11.XOpenDisplay(None)
    if screen is None:
        raise FrameError(f"The display {os.environ['DISPLAY']} does not answer; {advice}.")
    x11.XCloseDisplay(ctypes.c_void_p(screen))
