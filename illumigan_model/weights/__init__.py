"""Shipped weights: NAME.safetensors (torch), NAME.onnx (ONNX Runtime), NAME.sha256 and NAME.md (the model card).

A generator that sees whole frames has no NAME.onnx: its graph depends on their size, and `illumigan export` makes it.
The folder `detectors` has the object detectors that are shipped: NAME.onnx, NAME.sha256 and NAME.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from illumigan_model.errors import ModelError
from illumigan_model.system.files import why_no_file

FOLDER = Path(__file__).parent
DETECTORS = FOLDER / "detectors"
SUFFIXES = (".onnx", ".safetensors", ".pth")


def available_models() -> list[str]:
    """Return the names of the shipped models."""
    return sorted(path.stem for path in FOLDER.glob("*.sha256"))


def find_weights(model: str, suffixes: tuple[str, ...] = SUFFIXES) -> Path:
    """Return the file of a model in the first of the wanted formats that exists.

    Args:
        model: name of a shipped model, or path of a .onnx, .safetensors or EnlightenGAN .pth file.
        suffixes: the formats that the caller can use, best first.

    Raises:
        ModelError: there is no such model, or its file is not as its .sha256 file has it, which shipped models have and
            others may have.
    """
    given = Path(model).expanduser()
    if given.suffix in SUFFIXES:
        if not given.is_file():
            problem = why_no_file(given, "file of weights", f"The weights file {given} does not exist")
            raise ModelError(f"{problem}; give a file or one of {available_models()}.")
        if given.suffix not in suffixes:
            raise ModelError(f"{given} is of a kind that this runtime cannot load; it takes {' or '.join(suffixes)}.")
        try:
            with given.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ModelError(f"The weights file {given} cannot be read ({error.strerror}).") from error
        if given.name in recorded(given):
            verify(given)
        return given
    for suffix in suffixes:
        shipped = FOLDER / f"{model}{suffix}"
        if shipped.is_file():
            verify(shipped)
            return shipped
    if model in available_models():
        raise ModelError(f"{model} is not shipped as {' or '.join(suffixes)}; export it, or choose another runtime.")
    problem = why_no_file(given, "file of weights", f"There is no model named {model!r}")
    raise ModelError(f"{problem}; give one of {available_models()} or a file of weights.")


def find_checkpoint(model: str) -> Path:
    """Return the checkpoint of a model; raises ModelError if there is none."""
    if model.endswith(".onnx"):
        raise ModelError(f"{model} has been exported already; give the .safetensors or .pth file that it came from.")
    return find_weights(model, (".safetensors", ".pth"))


def available_detectors() -> list[str]:
    """Return the names of the shipped detectors."""
    return sorted(path.stem for path in DETECTORS.glob("*.sha256"))


def find_detector(detector: str) -> Path:
    """Return the file of a detector: the name of a shipped one, or the path of an ONNX file.

    Raises:
        ModelError: there is no such file, or it is not as its .sha256 file has it, as in `find_weights`.
    """
    shipped = DETECTORS / f"{detector}.onnx"
    path = shipped if detector in available_detectors() else Path(detector).expanduser()
    if not path.is_file():
        names = ", ".join(available_detectors())
        problem = why_no_file(path, "detector", f"There is no detector {detector}")
        raise ModelError(f"{problem}; give an ONNX file, or the name of a shipped one: {names}.")
    if path.name in recorded(path):
        verify(path)
    return path


def verify(path: Path) -> None:
    """Check a file against its recorded sha256.

    Raises:
        ModelError: the file has changed since that was written, or its record is missing.
    """
    if recorded(path).get(path.name) != sha256(path):
        again = "install the package" if FOLDER in path.parents else "get the file"
        raise ModelError(f"{path} is damaged (its sha256 is not the recorded one); {again} again.")


def recorded(path: Path) -> dict[str, str]:
    """Return name -> sha256 of what the .sha256 file beside a file has, as the program sha256sum writes it.

    Raises:
        ModelError: it cannot be read.
    """
    record = path.with_suffix(".sha256")
    try:
        text = record.read_text(errors="replace") if record.is_file() else ""
    except OSError as error:
        raise ModelError(f"{record} cannot be read ({error.strerror}); make it readable or remove it.") from error
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    return {Path(words[1].lstrip("*")).name: words[0] for words in lines if len(words) == 2}


def sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
