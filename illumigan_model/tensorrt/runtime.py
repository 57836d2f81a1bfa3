"""TensorRT: an engine that was built on this machine, from `engine_cache`. Nothing is built while frames wait.

Memory on the GPU and pinned memory beside it come from libcudart by way of ctypes (see `cuda`): a Jetson has that
wherever it has TensorRT, while PyTorch and cuda-python would have to be installed. After a first run the copies and
the network are captured as a CUDA graph, so that a frame costs one launch.
"""

from __future__ import annotations

from contextlib import suppress
from ctypes import c_void_p
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from illumigan_model.errors import ModelError
from illumigan_model.runtimes import self_check
from illumigan_model.runtimes.graphs import GraphFacts, find_graph, read_facts
from illumigan_model.runtimes.precisions import TOLERANCES
from illumigan_model.system.child_process import OnProgress, unwatched
from illumigan_model.tensorrt import cuda
from illumigan_model.tensorrt.build import load_tensorrt, new_log
from illumigan_model.tensorrt.engine_folder import in_use


def open_tensorrt(
    model: str, _threads: int, on_progress: OnProgress = unwatched, precisions: tuple[str, ...] = ("fp16", "fp32")
) -> TensorrtRuntime:
    """Return the runtime of a model whose engine has been built, in the first precision that is there and right.

    Raises:
        ModelError: TensorRT or a GPU is missing, or there is no engine that fits; why not, for each precision.
    """
    load_tensorrt()
    cuda.facts()
    from illumigan_model.tensorrt import engine_cache  # type: ignore[attr-defined]

    graph = find_graph(model, on_progress)
    facts = read_facts(graph)
    errors: list[str] = []  # in words: an exception would keep what it happened to, and its memory on the GPU
    for precision in precisions:
        try:
            runtime = open_checked(engine_cache.find(graph, precision, model=model), facts, precision)
        except ModelError as error:
            errors.append(str(error))
        else:
            runtime.notes = [*(f"tensorrt: {error}" for error in errors), *runtime.notes]
            return runtime
    raise ModelError(" ".join(errors))


def open_checked(engine: Path, facts: GraphFacts, precision: str) -> TensorrtRuntime:
    """Return the runtime of an engine whose answers are right; raises ModelError, see `TensorrtRuntime`."""
    runtime = TensorrtRuntime(engine, facts, precision)
    try:
        self_check.check(runtime)  # a network may not bear half precision
    except Exception:
        runtime.close()
        raise
    return runtime


def in_single_precision(model: str, threads: int, on_progress: OnProgress = unwatched) -> TensorrtRuntime:
    """Return the runtime of a model for which half precision is not good enough."""
    return open_tensorrt(model, threads, on_progress, ("fp32",))


class TensorrtRuntime:
    """An engine in TensorRT."""

    name = "tensorrt"

    def __init__(self, engine: Path, facts: GraphFacts, precision: str) -> None:
        """Load an engine.

        Args:
            engine: the file, which `tensorrt_build.build` made on this machine.
            facts: those of the graph that it was built from.
            precision: what it was built in.

        Raises:
            ModelError: TensorRT or a GPU is missing, the engine is of another version or GPU, or memory runs out.
        """
        trt = load_tensorrt()
        cuda.facts()
        self.architecture, self.size, self.facts, self.precision = facts.architecture, facts.size, facts, precision
        self.tolerance = TOLERANCES[precision]
        self.notes: list[str] = []
        self._log = new_log(trt)
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._file: BinaryIO | None = None
        self._buffers: list[cuda.Buffer] = []
        self._stream = c_void_p()
        self._graph: c_void_p | None = None
        try:
            self._load(trt, engine)
            self._make_ready(trt)
        except Exception:  # out of memory, most likely, which the next runtime needs
            self.close()
            raise

    def _load(self, trt: Any, engine: Path) -> None:
        """Load the engine, which stays in use until this is closed."""
        try:
            self._runtime = trt.Runtime(self._log)  # it must outlive the engine
            self._file = in_use(engine)
            self._engine = self._runtime.deserialize_cuda_engine(self._file.read())
            self._context = self._engine.create_execution_context() if self._engine else None
        except Exception as error:  # broken drivers make the bindings raise TypeError and the like
            raise ModelError(f"TensorRT cannot load the engine {engine}: {self._log.last or error}.") from error
        if self._context is None:
            raise ModelError(
                f"The engine {engine} does not run here ({self._log.last}); "
                "if that stays so, remove its folder and build it again: illumigan build-engine."
            )
        self._stream = cuda.pointer("cudaStreamCreate")

    def _make_ready(self, trt: Any) -> None:
        """Make the buffers, run once, and capture what a frame takes as a CUDA graph."""
        self._input, self._output = self._make_buffers(trt)
        self._put_to_work()  # what TensorRT sets up at its first run cannot be captured
        cuda.call("cudaStreamSynchronize", self._stream)
        try:
            self._graph = cuda.capture(self._stream, self._put_to_work)
        except ModelError as error:
            self.notes.append(f"tensorrt: it runs without a CUDA graph, somewhat slower: {error}")

    def _make_buffers(self, trt: Any) -> tuple[cuda.Buffer, cuda.Buffer]:
        """Return the buffers of the input and of the output, which the engine knows the addresses of."""
        buffers: dict[bool, cuda.Buffer] = {}
        for place in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(place)
            if self._engine.get_tensor_dtype(name) != trt.DataType.FLOAT:
                raise ModelError("The engine was not built from a core graph; build it again: illumigan build-engine.")
            buffer = cuda.Buffer(tuple(self._engine.get_tensor_shape(name)))
            self._buffers.append(buffer)
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            buffers[is_input] = buffer
            self._context.set_tensor_address(name, buffer.device.value)
        return buffers[True], buffers[False]

    def _put_to_work(self) -> None:
        """Put a frame's work into the stream: there, through the network, and back."""
        self._input.send(self._stream)
        if not self._context.execute_async_v3(self._stream.value):
            raise ModelError(f"TensorRT failed on this frame: {self._log.last}.")
        self._output.fetch(self._stream)

    def infer(self, image: np.ndarray) -> np.ndarray:
        """Run the network on float32 RGB 1 x 3 x H x W in [0, 1]."""
        self._input.host[...] = image
        if self._graph is None:
            self._put_to_work()
        else:
            cuda.call("cudaGraphLaunch", self._graph, self._stream)
        cuda.call("cudaStreamSynchronize", self._stream)
        return self._output.host[0].copy()

    def reference(self) -> np.ndarray:
        """Return what the graph says of its right answer."""
        return self_check.from_text(self.facts.reference)

    def describe(self) -> str:
        """Return device and precision."""
        return f"CUDA, {self.precision}"

    def close(self) -> None:
        """Free the engine and its memory; what CUDA fails to free does not keep the rest."""
        if self._graph is not None:
            with suppress(ModelError):
                cuda.call("cudaGraphExecDestroy", self._graph)
        for buffer in self._buffers:
            with suppress(ModelError):
                buffer.close()
        if self._stream:
            with suppress(ModelError):
                cuda.call("cudaStreamDestroy", self._stream)
        if self._file is not None:
            self._file.close()
        self._graph, self._buffers, self._stream, self._file = None, [], c_void_p(), None
        self._context = self._engine = self._runtime = None  # in this order, as each needs the next
