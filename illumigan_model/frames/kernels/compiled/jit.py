"""How kernels are compiled.

Numba keeps compiled code on disk and looks only at a kernel's own file to tell whether it is stale. So a file holds
everything its kernels call, and what they need besides comes as arguments. `JIT` and `fma` are shared: who changes
them touches the kernels' files as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

# Without "contract": whether a product and a sum are one operation depends on what the compiler makes of a loop, and so
# would pixels, by a level here and there, from one start of a process to the next. `fma` says it of each one.
JIT: dict[str, Any] = {"nogil": True, "fastmath": {"nnan", "ninf", "nsz"}, "error_model": "numpy"}


def multiply_and_add(context: Any, one: Any, other: Any, added: Any) -> tuple[Any, Callable[..., Any]]:
    """Return one * other + added of float32 numbers in one operation, where the processor has it; nearly all do."""

    def emit(target: Any, builder: Any, _: Any, numbers: Any) -> Any:
        triple, _, features = target.codegen().magic_tuple()
        if "+fma" in features.split(",") or triple.startswith(("aarch64", "arm64")):
            return builder.fma(*numbers)
        return builder.fadd(builder.fmul(numbers[0], numbers[1]), numbers[2])

    return types.float32(types.float32, types.float32, types.float32), emit


fma: Any = intrinsic(multiply_and_add)


def kept(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel, and keep it with what it calls on disk where there is a place for that."""
    try:
        compiled = njit(cache=True, **JIT)(kernel)
    except RuntimeError:  # neither this folder nor the user's cache can be written to
        return njit(**JIT)(kernel)

    @wraps(kernel)
    def run(*arguments: Any) -> None:
        try:
            compiled(*arguments)
        except OSError:  # a full disk keeps numba from storing what it has compiled, not from running it
            compiled(*arguments)

    return run
