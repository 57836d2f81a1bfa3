"""Choose the runtime: the fastest for this machine that works, with the reasons why faster ones do not."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from illumigan_model.errors import ModelError, Stopped
from illumigan_model.frames.soundness import require_curves, require_finite
from illumigan_model.runtimes import CheckedRuntime, Runtime, reduced
from illumigan_model.runtimes.graphs import architecture_of
from illumigan_model.runtimes.self_check import check
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.system.machine import has_gpu

RUNTIMES = {
    "onnxruntime": ("illumigan_model.runtimes.onnx_runtime", "OnnxRuntime"),
    "onnxruntime-cpu": ("illumigan_model.runtimes.onnx_runtime", "on_cpu"),
    "openvino": ("illumigan_model.runtimes.openvino_runtime", "OpenvinoRuntime"),
    "tensorrt": ("illumigan_model.tensorrt.runtime", "open_tensorrt"),
    "tensorrt-fp32": ("illumigan_model.tensorrt.runtime", "in_single_precision"),
    "torch2trt": ("illumigan_model.torch2trt.runtime", "Torch2trtRuntime"),
    "torch": ("illumigan_model.runtimes.torch_runtime", "TorchRuntime"),
}
"""Name -> (module, what opens it when it is given a model, a number of threads and an `OnProgress`)."""

ORDERS = {
    ("gpu", "curve_grid"): ("tensorrt", "onnxruntime", "onnxruntime-cpu", "openvino", "torch"),
    ("gpu", "attention_unet"): ("tensorrt", "torch", "onnxruntime", "openvino", "onnxruntime-cpu"),
    ("cpu", "curve_grid"): ("onnxruntime", "openvino", "torch"),
    ("cpu", "attention_unet"): ("openvino", "onnxruntime", "torch"),
}
"""What "auto" tries, fastest first. On two cores of an AMD EPYC: a CurveGrid's thumbnail takes 0.21 ms in ONNX Runtime,
0.23 ms in OpenVINO and 0.9 ms in PyTorch, an AttentionUNet of width 16 at 352x288 15 ms in OpenVINO, 32 ms in ONNX
Runtime and 29 ms in PyTorch, which runs frames at full size. The orders for a GPU are not measured. tensorrt-fp32 and
torch2trt, which converts for minutes, must be asked for."""

PATIENCE_S = 2.0  # with a runtime that is being opened when all is to end


class RuntimeChain:
    """The runtime that runs, and the ones to take over if it fails on a frame.

    Opening another one takes seconds, or minutes where a graph must be made for it. A live chain does that on a thread,
    and answers no frame until it is done, so that runtimes are changed between two frames; any other lets the frame
    wait. `notes` say, one sentence each, why better runtimes do not run; it grows when one fails.
    """

    def __init__(
        self,
        model: str,
        names: tuple[str, ...],
        threads: int,
        on_progress: OnProgress = unwatched,
        on_takeover: Callable[[str], object] = unwatched,
        *,
        live: bool = False,
    ) -> None:
        """Open the first runtime that works, see `open_runtime`; raises ModelError with every reason if none does."""
        self._model, self._waiting, self._threads = model, list(names), threads
        self._on_progress, self._on_takeover = on_progress, on_takeover
        self._is_live, self._is_closed = live, False
        self._takeover: threading.Thread | None = None
        self._failure = ModelError()
        self.notes: list[str] = []
        opened = self._open_next()
        if opened is None:
            raise ModelError(" ".join(self.notes))
        self._runtime = opened

    @property
    def name(self) -> str:
        """Name of the runtime that runs."""
        return self._runtime.name

    @property
    def architecture(self) -> str:
        """The generator's architecture."""
        return self._runtime.architecture

    def describe(self) -> str:
        """Return which runtime runs, on what device and at which precision."""
        return f"{self.name} ({self._runtime.describe()})"

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1], any size in the case of an AttentionUNet.

        Raises:
            ModelError: the runtime failed, and so did those that could take over, or one of them is being opened.
        """
        while True:
            if self._takeover is not None and self._takeover.is_alive():
                raise ModelError(f"{self.name}: {self._failure} Another runtime is being opened.")
            try:
                return self._answer(image)
            except ModelError as error:
                failure = error
            except Exception as error:  # a runtime that is broken raises whatever it likes
                failure = ModelError(f"It failed on this frame ({error}).")
            if not self._waiting:  # stay: the next frame may fare better
                raise failure
            if self._is_live:
                self._failure = failure
                self._takeover = threading.Thread(target=self._take_over_aside, name="takeover", daemon=True)
                self._takeover.start()
            elif not self._take_over(failure):
                raise failure

    def close(self) -> None:
        """Free what the runtime holds; no other one takes over any more, and one that is being opened is let go."""
        self._is_closed = True
        self._waiting.clear()
        if self._takeover is not None:
            self._takeover.join(PATIENCE_S)  # making a graph ends at once; what loads longer is freed by its thread
        close_quietly(self._runtime)

    def _take_over_aside(self) -> None:
        with suppress(Stopped):
            self._take_over(self._failure)

    def _listen(self, said: str) -> None:
        """Hear how opening a runtime comes along; raises Stopped when it is not wanted any longer."""
        self._require_wanted()
        self._on_progress(said)

    def _require_wanted(self) -> None:
        if self._is_closed:
            raise Stopped("The runtimes of this model are not wanted any longer.")

    def _take_over(self, failure: ModelError) -> bool:
        """Go on with the next runtime that works; return whether there is one."""
        noted = len(self.notes)
        # The failed one stays open meanwhile, although a GPU's memory may be short: it is needed where no other opens.
        following = self._open_next()
        if following is None:
            return False
        self.notes.insert(noted, in_one_line(f"{self.name}: {failure}"))
        failed, self._runtime = self._runtime, following
        close_quietly(failed)
        self._on_takeover(f"{self.describe()} takes over: {' '.join(self.notes[noted:])}")
        return True

    def _answer(self, image: np.ndarray) -> np.ndarray:
        if self._runtime.architecture == "curve_grid" or self._runtime.size is None:
            answer = self._runtime.infer(image)
        else:
            answer = reduced.enhance(image, self._runtime.size, self._runtime.infer)
        require_sound = require_curves if self.architecture == "curve_grid" else require_finite
        require_sound(answer)
        return answer

    def _open_next(self) -> CheckedRuntime | None:
        """Open the next runtime that works, and note why others do not; None if there is none left."""
        while self._waiting:
            name = self._waiting.pop(0)
            try:
                opened = self._open(name)
            except Stopped:  # which says nothing about this runtime
                self._waiting.insert(0, name)
                raise
            except ModelError as error:
                self.notes.append(in_one_line(f"{name}: {error}"))
            except Exception as error:  # a library that is missing or broken raises whatever it likes
                self.notes.append(in_one_line(f"{name}: it cannot be used here ({error})."))
            else:
                self.notes += opened.notes
                return opened
        return None

    def _open(self, name: str) -> CheckedRuntime:
        """Open a runtime, warm and checked."""
        module, kind = RUNTIMES[name]
        opener = getattr(importlib.import_module(module), kind)
        opened: CheckedRuntime = opener(self._model, self._threads, self._listen)
        try:
            check(opened)
            self._require_wanted()
        except Exception:
            close_quietly(opened)
            raise
        return opened


def in_one_line(text: str) -> str:
    """Return a sentence without the line breaks of the library that is quoted in it."""
    return " ".join(text.split())


def close_quietly(runtime: Runtime) -> None:
    """Free what a runtime holds that has failed, and may fail at this, too."""
    try:
        runtime.close()
    except Exception:  # what matters is said already
        return


def open_runtime(
    model: str,
    runtime: str,
    threads: int,
    on_progress: OnProgress = unwatched,
    on_takeover: Callable[[str], object] = unwatched,
    *,
    live: bool = False,
) -> tuple[Runtime, list[str]]:
    """Open a runtime for a model.

    Args:
        model: name of a shipped model or path of a weights file.
        runtime: "auto" for the best that works, or one of `RUNTIMES`.
        threads: CPU threads that it may use.
        on_progress: is called while a graph of the model is made, which takes long, now or where another runtime takes
            over; what it raises ends that. If that is Stopped, it is raised here, or by `infer`.
        on_takeover: is told in one line when a runtime has failed on a frame and another one takes over.
        live: open another runtime aside, while `infer` raises ModelError, instead of within `infer`.

    Returns:
        the runtime, and for each better one that could not be used the reason, one sentence each; the list grows if
        the runtime fails on a frame and another one takes over.

    Raises:
        ModelError: none works; the message gives every reason.
    """
    if runtime not in ("auto", *RUNTIMES):
        raise ModelError(f"There is no runtime named {runtime!r}; give auto or one of {', '.join(RUNTIMES)}.")
    architecture = architecture_of(model)  # a model that is not there is no runtime's fault
    names = ORDERS["gpu" if has_gpu() else "cpu", architecture] if runtime == "auto" else (runtime,)
    chain = RuntimeChain(model, names, threads, on_progress, on_takeover, live=live)
    return chain, chain.notes
