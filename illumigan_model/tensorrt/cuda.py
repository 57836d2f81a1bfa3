"""The few functions of CUDA's runtime library that an engine needs, called through ctypes.

TensorRT's Python package brings no way to allocate memory on the GPU. PyTorch and cuda-python do, but a Jetson has
neither of them unless somebody installs it; libcudart is there wherever TensorRT is. The functions used here are the
same from CUDA 11.4 (JetPack 5) to 13.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from functools import cache
from pathlib import Path

import numpy as np

from illumigan_model.errors import ModelError

MAJORS = ("13", "12", "11.0")
FOLDERS = ("", "/usr/local/cuda/lib64/", "/usr/local/cuda/targets/aarch64-linux/lib/")
TO_DEVICE, TO_HOST = 1, 2  # cudaMemcpyKind
COMPUTE_MAJOR, COMPUTE_MINOR = 75, 76  # cudaDeviceAttr
THREAD_LOCAL = 1  # cudaStreamCaptureMode
PROPERTIES_SIZE = 8192  # bytes, more than cudaDeviceProp has in any version; it begins with the name


@cache
def library() -> ctypes.CDLL:
    """Return libcudart; raises ModelError if it cannot be found."""
    names = [f"{folder}libcudart.so{ending}" for folder in FOLDERS for ending in ("", *(f".{m}" for m in MAJORS))]
    for name in [*filter(None, [ctypes.util.find_library("cudart")]), *names, *from_wheels()]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise ModelError("CUDA's runtime library (libcudart) is not installed; install CUDA, or JetPack on a Jetson.")


def from_wheels() -> list[str]:
    """Return the libcudart that NVIDIA's wheels for Python bring along, where they are installed."""
    found = importlib.util.find_spec("nvidia")
    folders = (found.submodule_search_locations if found else None) or []
    return [str(file) for folder in folders for file in Path(folder).glob("*/lib/libcudart.so.*")]


def call(function: str, *arguments: object) -> None:
    """Call a function of the library; raises ModelError with CUDA's own words if it fails."""
    loaded = library()
    code = getattr(loaded, function)(*arguments)
    if code:
        loaded.cudaGetErrorString.restype = c_char_p
        raise ModelError(f"CUDA's {function} failed: {loaded.cudaGetErrorString(c_int(code)).decode()}.")


def number(function: str, *arguments: object) -> int:
    """Return the int that a function writes to its first argument."""
    found = c_int()
    call(function, byref(found), *arguments)
    return found.value


def pointer(function: str, *arguments: object) -> c_void_p:
    """Return the pointer that a function writes to its first argument."""
    found = c_void_p()
    call(function, byref(found), *arguments)
    return found


def facts() -> dict[str, str]:
    """Return what an engine depends on: versions of CUDA's runtime and driver, the GPU, its compute capability.

    Raises:
        ModelError: CUDA or a GPU is missing.
    """
    try:
        count = number("cudaGetDeviceCount")
    except ModelError as error:
        raise ModelError(f"There is no NVIDIA GPU that can be used ({str(error).rstrip('.')}).") from error
    if count == 0:
        raise ModelError("There is no NVIDIA GPU here.")
    properties = ctypes.create_string_buffer(PROPERTIES_SIZE)
    call("cudaGetDeviceProperties", properties, c_int(0))
    which = (COMPUTE_MAJOR, COMPUTE_MINOR)
    major, minor = (number("cudaDeviceGetAttribute", c_int(attribute), c_int(0)) for attribute in which)
    return {
        "cuda_runtime": spelled(number("cudaRuntimeGetVersion")),
        "cuda_driver": spelled(number("cudaDriverGetVersion")),
        "gpu": properties.value.decode(),
        "compute_capability": f"{major}.{minor}",
    }


def spelled(version: int) -> str:
    """Turn 12060 into 12.6."""
    return f"{version // 1000}.{version % 1000 // 10}"


class Buffer:
    """A float32 array twice: `host` in pinned memory, and at the address `device` on the GPU."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        size = int(np.prod(shape))
        self.bytes = c_size_t(4 * size)
        self._pinned = pointer("cudaHostAlloc", self.bytes, c_uint(0))
        try:
            self.device = pointer("cudaMalloc", self.bytes)
        except ModelError:
            call("cudaFreeHost", self._pinned)
            raise
        assert self._pinned.value is not None
        self.host = np.ctypeslib.as_array((ctypes.c_float * size).from_address(self._pinned.value)).reshape(shape)

    def send(self, stream: c_void_p) -> None:
        """Copy host to device, in the stream's turn."""
        call("cudaMemcpyAsync", self.device, self._pinned, self.bytes, c_int(TO_DEVICE), stream)

    def fetch(self, stream: c_void_p) -> None:
        """Copy device to host, in the stream's turn."""
        call("cudaMemcpyAsync", self._pinned, self.device, self.bytes, c_int(TO_HOST), stream)

    def close(self) -> None:
        """Free both; `host` must not be used any more."""
        call("cudaFree", self.device)
        call("cudaFreeHost", self._pinned)


def capture(stream: c_void_p, work: Callable[[], None]) -> c_void_p:
    """Return an executable CUDA graph of the work that a function puts into a stream.

    Raises:
        ModelError: something of the work cannot be captured; the stream is usable again.
    """
    call("cudaStreamBeginCapture", stream, c_int(THREAD_LOCAL))
    try:
        work()
    finally:
        graph = pointer_or_error(stream)
    if isinstance(graph, ModelError):
        raise graph
    try:
        return pointer("cudaGraphInstantiateWithFlags", graph, c_ulonglong(0))
    finally:
        call("cudaGraphDestroy", graph)


def pointer_or_error(stream: c_void_p) -> c_void_p | ModelError:
    """End a capture: the graph, or the error, which may be the consequence of one that is on its way already."""
    captured = c_void_p()
    try:
        call("cudaStreamEndCapture", stream, byref(captured))
    except ModelError as error:
        return error
    return captured
