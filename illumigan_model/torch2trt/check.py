"""Rehearse a conversion with torch2trt, on any machine: no GPU, no TensorRT and no torch2trt is needed.

torch2trt runs a module once and puts a converter in the place of every function that it has one for. A function that
it has none for runs as if nothing were: its result, made from the sample input, is frozen into the engine as a
constant, without a word. The rehearsal runs the module in the same way, follows the input through it, and refuses
whatever would not be converted as it is meant.

`converters.txt` holds the names of torch2trt 0.5.0, the version for TensorRT 8.5 to 10. What its converters
get wrong, although they are registered, is in `torch2trt_limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from illumigan_model.errors import ModelError
from illumigan_model.torch2trt.limits import fault_of

NAMES_FILE = Path(__file__).with_name("converters.txt")
OWNERS = {"torch": torch, "torch.Tensor": Tensor, "torch.nn.functional": nn.functional}

ABOUT_SHAPE = tuple(
    f"torch.Tensor.{name}"
    for name in ("size", "dim", "numel", "shape.__get__", "ndim.__get__", "dtype.__get__", "device.__get__", "__len__")
)
"""What may be asked of a tensor without touching its values; the answer is the same for every input of the shape."""

LIKE_ANOTHER = ("torch.Tensor.to", "torch.Tensor.type_as")
"""Functions that look at their second argument's type only."""


def check_convertible(module: nn.Module, *inputs: Tensor) -> None:
    """Check that torch2trt converts a module, and freezes nothing that depends on its inputs.

    While this runs, functions of torch are replaced for the whole process, as torch2trt itself does.

    Args:
        module: the module, in evaluation mode.
        inputs: what it is called with; any values of the right shape and type.

    Raises:
        ModelError: it does not convert; the message names the function.
    """
    rehearsal = Rehearsal(inputs)
    with torch.no_grad(), replaced(rehearsal), rehearsal:
        outputs = module(*inputs)
    for place, output in enumerate(tensors_in(outputs)):
        if not rehearsal.follows(output):
            raise ModelError(f"torch2trt would freeze output {place}: it does not come from the input.")


class Rehearsal(TorchFunctionMode):
    """Follows tensors that come from the input through converters, and objects to everything else that uses them."""

    def __init__(self, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.followed = {id(tensor): tensor for tensor in inputs}  # kept alive, so that no id is used twice
        self.is_converting = False

    def follows(self, *values: Any) -> bool:
        """Return whether a tensor among the values, however nested, comes from the input."""
        return any(id(tensor) in self.followed for tensor in tensors_in(values))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function that torch2trt has not replaced."""
        kwargs, name = kwargs or {}, resolve_name(func) or func.__name__
        used = args[:1] if name in LIKE_ANOTHER else (args, kwargs)
        if not self.is_converting and name not in ABOUT_SHAPE and self.follows(*used):
            raise ModelError(f"torch2trt has no converter for {name}; it would freeze its result as a constant.")
        return func(*args, **kwargs)

    def convert(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function that torch2trt has a converter for; what it calls in turn is the converter's business."""
        if self.is_converting:
            return function(*args, **kwargs)
        uses_input = self.follows(args, kwargs)
        if uses_input and (fault := fault_of(name, args, kwargs, self.follows)):
            raise ModelError(f"torch2trt does not convert {name} as it is used: {fault}.")
        self.is_converting = True
        try:
            result = function(*args, **kwargs)
        finally:
            self.is_converting = False
        if uses_input:
            self.followed |= {id(tensor): tensor for tensor in tensors_in(result)}
        return result


def converters() -> list[str]:
    """Return the names of the functions that torch2trt has converters for."""
    return [line for line in NAMES_FILE.read_text().splitlines() if not line.startswith("#")]


@contextmanager
def replaced(rehearsal: Rehearsal) -> Iterator[None]:
    """Replace every function that torch2trt has a converter for; names that this torch lacks are left out."""
    undo: list[tuple[Any, str, Any]] = []
    try:
        for name in converters():
            place, _, attribute = name.rpartition(".")
            owner = OWNERS[place]
            if hasattr(owner, attribute):
                own = vars(owner).get(attribute)  # None: inherited
                undo.append((owner, attribute, own))
                setattr(owner, attribute, stand_in(rehearsal, name, getattr(owner, attribute)))
        yield
    finally:
        for owner, attribute, own in undo:
            if own is None:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, own)


def stand_in(rehearsal: Rehearsal, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what takes a function's place during the rehearsal."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return rehearsal.convert(name, function, args, kwargs)

    return call


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Give every tensor in a value of nested lists, tuples and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
