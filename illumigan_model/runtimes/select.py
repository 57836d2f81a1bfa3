"""Open the first runtime that works, and remember why better ones did not."""

from __future__ import annotations

import importlib

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import Runtime
from illumigan_model.weights import find_weights

RUNTIMES = {
    "onnxruntime": ("illumigan_model.runtimes.onnx_runtime", "OnnxRuntime"),
    "torch": ("illumigan_model.runtimes.torch_runtime", "TorchRuntime"),
}
"""Name -> (module, class), fastest first."""


def open_runtime(model: str, runtime: str, threads: int) -> tuple[Runtime, list[str]]:
    """Open a runtime for a model.

    Args:
        model: name of a shipped model or path of a weights file.
        runtime: "auto" for the first that works, or one of `RUNTIMES`.
        threads: CPU threads that it may use.

    Returns:
        the runtime, and for each better one that could not be used the reason, one sentence each.

    Raises:
        ModelError: none works; the message gives every reason.
    """
    if runtime != "auto" and runtime not in RUNTIMES:
        raise ModelError(f"There is no runtime named {runtime!r}; give auto or one of {', '.join(RUNTIMES)}.")
    find_weights(model)  # a name or file that is not there is no runtime's fault
    reasons: list[str] = []
    for name in RUNTIMES if runtime == "auto" else [runtime]:
        module, kind = RUNTIMES[name]
        try:
            opened: Runtime = getattr(importlib.import_module(module), kind)(model, threads)
        except ModelError as error:
            reasons.append(f"{name}: {error}")
        except Exception as error:  # a library that is missing or broken raises whatever it likes
            reasons.append(f"{name}: it cannot be used here ({error}).")
        else:
            return opened, reasons + opened.notes
    raise ModelError(" ".join(reasons))
