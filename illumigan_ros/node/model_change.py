"""Another model, or another runtime of it, while frames pass: loaded on a thread, handed over between two frames."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from illumigan_model.errors import Stopped
from illumigan_model.runtimes import Runtime
from illumigan_model.runtimes.select import open_runtime
from illumigan_model.system.child_process import OnProgress

Wanted = tuple[str, str]  # model and runtime, as the parameters of the same names say


class ModelChange:
    """
    Lives from configure to cleanup; `take` is called before each frame.

    A model that cannot be loaded is logged, and the one that runs goes on; `fault` says so.
    """

    def __init__(
        self,
        in_use: Wanted,
        threads: int,
        logger: Any,
        on_progress: OnProgress,
        on_takeover: Callable[[str], object],
    ) -> None:
        self.in_use = in_use
        self._threads, self._logger = threads, logger
        self._on_progress, self._on_takeover = on_progress, on_takeover
        self._asked = in_use
        self._lock = threading.Lock()
        self._ready: tuple[Runtime, list[str]] | None = None
        self._thread: threading.Thread | None = None
        self.fault = ""

    def ask(self, wanted: Wanted) -> bool:
        """Begin to load what is wanted, unless it was asked for already; return whether this is another model."""
        if wanted == self._asked or (self._thread is not None and self._thread.is_alive()):
            return False
        self._asked, self.fault = wanted, ""
        self._thread = threading.Thread(target=self._load, args=wanted, name="model", daemon=True)
        self._thread.start()
        return True

    def take(self) -> tuple[Runtime, list[str]] | None:
        """Return, once, the runtime that is to take over, and why no better one does; None while there is none."""
        if self._ready is None:
            return None
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            self.in_use = self._asked
        return ready

    def stop(self) -> None:
        """Wait until what is under way has heard of the end from `on_progress`, and close what nobody took."""
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            ready[0].close()

    def _load(self, model: str, runtime: str) -> None:
        try:
            opened = open_runtime(model, runtime, self._threads, self._on_progress, self._on_takeover, live=True)
        except Stopped:
            return
        except Exception as error:  # whatever a broken library raises
            self.fault = f"{self.in_use[0]} goes on, because {model} cannot be used: {error}"
            self._logger.error(self.fault)
            return
        self._logger.info(f"{model} takes over with {opened[0].describe()}.")
        with self._lock:
            before, self._ready = self._ready, opened
        if before:
            before[0].close()
