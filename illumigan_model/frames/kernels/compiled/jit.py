"""How kernels are compiled.

Numba keeps compiled code on disk and looks only at a kernel's own file to tell whether it is stale. So a file holds
everything its kernels call, and what they need besides comes as arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from numba import njit

# Without "contract": whether a product and a sum are one operation depends on what the compiler makes of a loop, and so
# would pixels, by a level here and there, from one start of a process to the next.
JIT: dict[str, Any] = {"nogil": True, "fastmath": {"nnan", "ninf", "nsz"}, "error_model": "numpy"}


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
