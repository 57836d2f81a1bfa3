"""What torch2trt 0.5.0 gets wrong although it has a converter for it, read from its `native_converters.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

Arguments = tuple[Any, ...]
Named = Mapping[str, Any]
Follows = Callable[..., bool]
"""Says whether any of the given values comes from the module's input."""

Limit = Callable[[Arguments, Named, Follows], str | None]
"""Says what goes wrong with a call; None if nothing does."""


def fault_of(name: str, args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Say what goes wrong when torch2trt converts a call; None if nothing does.

    Args:
        name: the function's name, such as "torch.nn.functional.conv2d".
        args: what it is called with.
        kwargs: likewise, by name.
        follows: says whether values come from the module's input.
    """
    return LIMITS[name](args, kwargs, follows) if name in LIMITS else None


def argument(args: Arguments, kwargs: Named, name: str, position: int) -> Any:
    """Return an argument by name or position, None where it is left out."""
    return kwargs.get(name, args[position] if position < len(args) else None)


def always(reason: str) -> Limit:
    """Return a limit that no call keeps to."""
    return lambda args, kwargs, follows: reason


def with_weights(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse weights that depend on the input: they are read once and become constants."""
    weights = [value for name, value in kwargs.items() if name != "input"]
    return "its weights depend on the input and would be frozen" if follows(args[1:], weights) else None


def transposed(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse unequal channels: their number is taken from the wrong dimension of the weights."""
    weight = argument(args, kwargs, "weight", 1)
    groups = argument(args, kwargs, "groups", 6) or 1
    unequal = weight.shape[0] != weight.shape[1] * groups
    return "it needs as many output channels as input channels" if unequal else with_weights(args, kwargs, follows)


def resized(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse the modes that are not known."""
    mode = argument(args, kwargs, "mode", 3) or "nearest"
    known = ("nearest", "linear", "bilinear", "trilinear", "bicubic")
    return None if mode in known else f"mode {mode} is not {' or '.join(known)}"


def pooled(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse a stride that is left out: it is not replaced by the kernel's size."""
    return "its stride must be given" if argument(args, kwargs, "stride", 2) is None else None


def multiplied(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse factors of unequal rank: nothing evens them out, and constants lose leading dimensions of size 1."""
    ranks = [tensor.dim() if follows(tensor) else rank_of_constant(tensor) for tensor in args[:2]]
    return None if ranks[0] == ranks[1] else f"factors of {ranks[0]} and {ranks[1]} dimensions are not evened out"


def rank_of_constant(tensor: Tensor) -> int:
    """Return a constant's number of dimensions after those of size 1 in front."""
    shape = list(tensor.shape)
    while shape and shape[0] == 1:
        shape.pop(0)
    return len(shape)


def linear(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse inputs of many dimensions: the weights get one more at most."""
    if argument(args, kwargs, "input", 0).dim() > 3:
        return "its input has more than 3 dimensions, which fails with TensorRT 10"
    return with_weights(args, kwargs, follows)


def indexed(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse tensors as indices, and slices whose size cannot be told from their ends as they stand."""
    tensor, index = args
    if not isinstance(index, tuple) or not all(part in (None, ...) or isinstance(part, slice | int) for part in index):
        return "an index must be a tuple of slices and whole numbers"
    slices = [part for part in index if isinstance(part, slice)]
    if any((part.start or 0) < 0 or (part.stop or 0) > max(tensor.shape) for part in slices):
        return "a slice must begin and end within the tensor, its begin counted from the front"
    return None


def contracted(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse constants: they are not made known to TensorRT."""
    return None if all(follows(operand) for operand in args[1:]) else "it cannot take constants"


def divided(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse uneven divisions: adaptive pools become pools of one whole size."""
    tensor, target = args[:2]
    sizes = tensor.shape[2:]
    targets = target if isinstance(target, tuple) else (target,) * len(sizes)
    uneven = any(size % (part or size) for size, part in zip(sizes, targets))  # noqa: B905
    return "the input's size is no multiple of the output's" if uneven else None


def along(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse dimensions that count from the end: they are taken as they are."""
    dims = argument(args, kwargs, "dim", 1)
    numbers = dims if isinstance(dims, tuple | list) else (dims,)
    negative = any(isinstance(number, int) and number < 0 for number in numbers)
    return "a dimension must be counted from the front" if negative else None


def along_some(args: Arguments, kwargs: Named, follows: Follows) -> str | None:
    """Refuse to leave the dimensions out: all but the first would be reduced."""
    missing = argument(args, kwargs, "dim", 1) is None
    return "its dimensions must be given" if missing else along(args, kwargs, follows)


def named(places: str, names: str, limit: Limit) -> dict[str, Limit]:
    """Return the same limit for all of some functions in all of some places, both separated by spaces."""
    return {f"{place}.{name}": limit for place in places.split() for name in names.split()}


LIMITS: dict[str, Limit] = {
    **named("torch", "einsum", contracted),
    **named("torch.Tensor", "__getitem__", indexed),
    **named("torch torch.Tensor", "matmul __matmul__", multiplied),
    **named("torch torch.Tensor", "squeeze", always("it leaves every dimension where it is")),
    **named("torch torch.Tensor", "mean max min unsqueeze", along),
    **named("torch torch.Tensor", "sum prod", along_some),
    **named("torch.nn.functional", "pad", always("TensorRT 10 has no padding layer any more")),
    **named("torch.nn.functional", "conv1d conv2d conv3d batch_norm prelu", with_weights),
    **named("torch.nn.functional", "conv_transpose1d conv_transpose2d conv_transpose3d", transposed),
    **named("torch.nn.functional", "linear", linear),
    **named("torch.nn.functional", "interpolate upsample", resized),
    **named("torch torch.nn.functional", "avg_pool1d avg_pool2d avg_pool3d", pooled),
    **named("torch torch.nn.functional", "max_pool1d max_pool2d max_pool3d", pooled),
    **named("torch.nn.functional", "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", divided),
    **named("torch.nn.functional", "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", divided),
}
