"""The engine of the node's model: built at start or while frames pass, and handed over between two frames."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from illumigan_model.errors import ModelError, Stopped
from illumigan_model.runtimes import Runtime
from illumigan_model.runtimes.graphs import find_graph
from illumigan_model.runtimes.select import open_runtime
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.tensorrt import engine_cache
from illumigan_model.tensorrt.engine_cache import PATIENCE_S, TENSORRT

if TYPE_CHECKING:
    from illumigan_model.enhancer import Enhancer

RUNTIME = "tensorrt"  # the one that runs engines, in the precision of the one that is asked for
PRECISIONS = {"auto": "fp16", "tensorrt": "fp16", "tensorrt-fp32": "fp32"}


class EngineBuild:
    """
    Lives from configure to cleanup.

    `before_load` and `after_load` are called around the loading of the model, `take` before each frame; `values` and
    `fault` ("" unless it failed) are for the diagnostics. A failure is logged, and whatever runs goes on.
    """

    def __init__(
        self,
        mode: str = "never",
        model: str = "",
        runtime: str = "auto",
        logger: Any = None,
        on_progress: OnProgress = unwatched,
    ) -> None:
        """
        Keep the parameters engine_build, model and runtime of the node, and its logger; without any, do nothing.

        `on_progress` is called while something is built; it raises Stopped where that is not wanted any longer.
        """
        self._mode, self._model, self._runtime, self._logger = mode, model, runtime, logger
        self._on_progress = on_progress
        self._precision = PRECISIONS.get(runtime, "fp16")
        self._what = f"The engine of {model} ({self._precision})"
        self._began = 0.0
        self._said = ""
        self._outcome = ""
        self.fault = ""
        self._lock = threading.Lock()
        self._ready: tuple[Runtime, list[str]] | None = None
        self._thread = threading.Thread(target=self._run_in_background, name="engine", daemon=True)
        self._threads = 1
        if mode != "never" and runtime not in PRECISIONS:
            self._mode = "never"
            self._fail(f"the runtime is {runtime}, which uses none; set it to {', '.join(PRECISIONS)}")

    def before_load(self) -> str:
        """
        Build the engine, where that is to be done first, and return the runtime to load the model with.

        It is the one that the parameter asks for, or auto where that one has no engine (yet). Raises Stopped.
        """
        if self._mode == "never":
            return self._runtime
        is_built = self._mode == "on_start" and self._build()
        return self._runtime if is_built else "auto"

    def after_load(self, enhancer: Enhancer) -> None:
        """Begin to build the engine on a thread, where that is wanted and the model does not run with it."""
        if self._is_used_by(enhancer.runtime, enhancer.describe()) or self.fault:
            return
        if self._mode == "on_start":
            self._fail(why_not(enhancer.runtime, enhancer.runtime_reasons))
        elif self._mode == "background":
            self._threads = enhancer.threads
            self._began = time.monotonic()
            self._thread.start()

    def take(self) -> tuple[Runtime, list[str]] | None:
        """Return, once, the runtime that is to take over, and why no better one does; None while there is none."""
        if self._ready is None:
            return None
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            self._outcome += f"; {RUNTIME} has taken over"
            self._logger.info(f"{RUNTIME} takes over with this frame.")
        return ready

    def stop(self) -> None:
        """Wait until what is under way has heard of the end from `on_progress`, and close what nobody took."""
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            ready[0].close()

    def values(self) -> dict[str, str]:
        """Return for the diagnostics what is being built and for how long, or what came of it."""
        text = self._outcome or self.working()
        return {"engine": text} if text else {}

    def working(self) -> str:
        """Say what is being built and for how long, "" if nothing is."""
        if not self._began or self._outcome:
            return ""
        said = f": {self._said}" if self._said else ""
        return f"{self._what} is being built for {time.monotonic() - self._began:.0f} s{said}"

    def _build(self) -> bool:
        """Build the engine; return whether it is there."""
        self._began = time.monotonic()
        self._logger.info(f"{self._what} is built, if there is none yet; this may take minutes.")

        def note(said: str) -> None:
            self._said = said
            self._on_progress(said)

        try:
            engine_cache.build(find_graph(self._model, note), self._precision, PATIENCE_S, note, TENSORRT)
        except Stopped:
            raise
        except Exception as error:  # a library that is missing or broken raises whatever it likes
            self._fail(str(error) or type(error).__name__)
            return False
        self._outcome = f"{self._what} is there after {time.monotonic() - self._began:.0f} s"
        self._logger.info(f"{self._outcome}.")
        return True

    def _run_in_background(self) -> None:
        try:
            if not self._build():
                return
            runtime, reasons = open_runtime(
                self._model, self._runtime, self._threads, self._on_progress, self._logger.warning, live=True
            )
            if not self._is_used_by(runtime.name, runtime.describe()):
                runtime.close()
                raise ModelError(why_not(runtime.name, reasons))
        except Stopped:
            return
        except Exception as error:  # as above
            self._fail(str(error) or type(error).__name__)
            return
        self._outcome += f"; {RUNTIME} takes over with the next frame"
        with self._lock:
            self._ready = runtime, reasons

    def _is_used_by(self, runtime: str, described: str) -> bool:
        """Return whether a runtime runs the engine, and not that of the other precision."""
        return runtime == RUNTIME and self._precision in described

    def _fail(self, why: str) -> None:
        why = why.removeprefix(f"{self._runtime}: ").removeprefix(f"{RUNTIME}: ").rstrip(".")
        self.fault = f"{self._what} is not used: {why}."
        self._outcome = self.fault
        self._logger.error(self.fault)


def why_not(used: str, reasons: list[str]) -> str:
    """Return why another runtime is used although there is an engine; `reasons` are those of `open_runtime`."""
    return next((why for why in reasons if why.startswith(f"{RUNTIME}: ")), f"{used} suits this machine better")
