"""PyAV, which reads and writes videos: loaded where it is used, and quiet."""

from __future__ import annotations

from types import ModuleType


def load_av() -> ModuleType | None:
    """Return PyAV, or None where it is not installed or does not load."""
    try:
        import av
    except ImportError:
        return None
    av.logging.set_level(av.logging.PANIC)  # every failure is reported once, by us
    return av


def av_errors(av: ModuleType | None) -> tuple[type[Exception], ...]:
    """Return what PyAV raises: its own errors, most of which are OSErrors or ValueErrors as well."""
    return (OSError, ValueError) if av is None else (av.FFmpegError, OSError, ValueError)
