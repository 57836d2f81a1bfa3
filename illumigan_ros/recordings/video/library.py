"""PyAV, which reads and writes videos: loaded where it is used, and quiet."""

from __future__ import annotations

from types import ModuleType


def load_av() -> ModuleType | None:
    """Return PyAV, or None where it is not installed or does not load."""
    try:
        import av
    except ImportError:
        return None
    # Every failure is reported once, by us. And FFmpeg must not log through Python: a decoding thread that waits for
    # Python's lock to do so, and a context that waits with the lock held for its threads to end, wait for ever.
    av.logging.set_level(None)
    return av


def av_errors(av: ModuleType | None) -> tuple[type[Exception], ...]:
    """Return what PyAV raises: its own errors, most of which are OSErrors or ValueErrors as well."""
    return (OSError, ValueError) if av is None else (av.FFmpegError, OSError, ValueError)
