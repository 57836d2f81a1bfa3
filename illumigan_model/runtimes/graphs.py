"""The ONNX graph of a model, for the runtimes that run one; what a checkpoint says without PyTorch.

A model that comes without its graph is exported once, in a process of its own, as that needs PyTorch; the graph is kept
in ${XDG_CACHE_HOME:-~/.cache}/illumigan/onnx/ under the name, size and sha256 of what it was made of, and the
digest of the code that makes graphs.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from illumigan_model import weights
from illumigan_model.errors import ModelError
from illumigan_model.frames.curves import THUMBNAIL_WH
from illumigan_model.runtimes.onnx_metadata import read_metadata
from illumigan_model.system.child_process import OnProgress, run_program, unwatched
from illumigan_model.system.files import parts_in
from illumigan_model.system.user_cache import cache_folder, remove_older_than_a_day

INNER_WH = {16: (352, 288), 32: (256, 208)}
"""Width of an AttentionUNet -> size of the graph made of it: what two cores run at more than 5 frames a second.

`illumigan export` makes graphs of any other size.
"""

ARCHITECTURES = ("curve_grid", "attention_unet")
PACKAGE = Path(__file__).parents[1]
SOURCES = (
    "attention.py",
    "frames/curves.py",
    "generators/*.py",
    "export/*.py",
    "runtimes/graphs.py",
    "runtimes/self_check.py",
    "runtimes/night.png",
)
"""What says how a graph is made and what is in it, relative to the package."""

FOREIGN = "not exported by illumigan"
EXPORT_TIMEOUT = 300.0  # seconds
EXPORT = """
import sys
import tempfile
from pathlib import Path
from illumigan_model.errors import ModelError

target = Path(sys.argv[2])
tempfile.tempdir = str(target.parent)  # where it is removed, however this ends
try:
    from illumigan_model.export.export import export_onnx

    export_onnx(sys.argv[1], target, "core", sys.argv[3] or None)
except ImportError as error:
    sys.exit(f"it takes PyTorch and onnx ({error}); pip install 'illumigan[train]'")
except ModelError as error:
    sys.exit(" ".join(str(error).split()))
"""


@dataclass(frozen=True)
class GraphFacts:
    """What a graph's metadata says: `size` is the width and height of its input, `reference` see `self_check`."""

    architecture: str
    size: tuple[int, int]
    precision: str
    reference: str


def read_facts(path: Path) -> GraphFacts:
    """Return the facts in the metadata of a graph's ONNX file.

    Raises:
        ModelError: it was not exported by this package, or is of a kind that runtimes do not run.
    """
    metadata = written_metadata(path)
    try:
        graph, reference = metadata["graph"], metadata.get("reference", "")
        facts = GraphFacts(metadata["architecture"], size_of(metadata["size"]), metadata["precision"], reference)
    except KeyError as error:
        raise ModelError(f"{path} was {FOREIGN} (its metadata is missing); export the model again.") from error
    if graph != "core":
        raise ModelError(f"{path} is the {graph} graph, which runtimes do not run; export the core graph.")
    if facts.architecture == "curve_grid" and facts.size != THUMBNAIL_WH:
        raise ModelError(
            f"{path} is for a thumbnail of {metadata['size']} instead of "
            f"{THUMBNAIL_WH[0]}x{THUMBNAIL_WH[1]}; export it again."
        )
    if not reference:
        raise ModelError(f"{path} does not say what it should answer (its reference is missing); export it again.")
    return facts


def size_of(text: str) -> tuple[int, int]:
    """Turn WIDTHxHEIGHT into two numbers; raises KeyError if it is something else."""
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    if not found:
        raise KeyError(text)
    return int(found.group(1)), int(found.group(2))


def find_graph(
    model: str, on_progress: OnProgress = unwatched, size: str | None = None, timeout_s: float = EXPORT_TIMEOUT
) -> Path:
    """Return the ONNX file of a model's core graph; it is made now if this is the first time it is wanted.

    Args:
        model: name of a shipped model or path of a weights file.
        on_progress: is called while it is made; what it raises ends that, leaves nothing behind and is raised here.
        size: WIDTHxHEIGHT of the frames to make it for, instead of what suits the model.
        timeout_s: seconds that making it may take.

    Raises:
        ModelError: there is no such model, it is somebody else's, or its graph cannot be made or kept here.
    """
    found = weights.find_weights(model) if size is None else weights.find_checkpoint(model)
    architecture = written_architecture(found)
    if found.suffix == ".onnx":
        return found
    if size is None and architecture == "attention_unet":
        size = "x".join(map(str, inner_size(found)))
    key = filter(None, (found.stem, size, weights.sha256(found), code_digest(PACKAGE)))
    kept = cache_folder("onnx") / f"{'-'.join(key)}.onnx"
    if not is_whole(kept):
        try:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            export(found, kept, size or "", timeout_s, on_progress)
        except OSError as error:
            raise ModelError(
                f"The model's graph cannot be kept ({error}); let XDG_CACHE_HOME name a folder that can be written."
            ) from error
    return kept


def code_digest(package: Path) -> str:
    """Return a digest of the code that makes graphs, 16 hexadecimal digits: other code, other graphs."""
    digest = hashlib.sha256()
    for source in sorted(path for pattern in SOURCES for path in package.glob(pattern)):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def is_whole(graph: Path) -> bool:
    """Return whether there is a graph with its metadata, which stand at the file's end."""
    try:
        return bool(written_architecture(graph))
    except (ModelError, OSError):
        return False


def export(checkpoint: Path, target: Path, size: str, timeout_s: float, on_progress: OnProgress) -> None:
    """Export a checkpoint in a process of its own; see `find_graph`. Raises OSError where it cannot be written."""
    remove_older_than_a_day(parts_in(target.parent))
    # another process may be at the same
    with TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent, ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "graph.onnx"
        command = [sys.executable, "-c", EXPORT, str(checkpoint.resolve()), str(made), size]
        run_program(command, f"Exporting {checkpoint}", timeout_s, on_progress)
        made.replace(target)


def architecture_of(model: str) -> str:
    """Return the architecture of a model, "curve_grid" or "attention_unet", from the first of its files that is whole.

    Args:
        model: name of a shipped model or path of a weights file.

    Raises:
        ModelError: there is no such model, or its files are damaged or hold something else.
    """
    shipped = [file for suffix in weights.SUFFIXES if (file := weights.FOLDER / f"{model}{suffix}").is_file()]
    for file in shipped[:-1]:
        try:
            weights.verify(file)
            return written_architecture(file)
        except ModelError:
            continue  # the runtime that wants this file will say so
    return written_architecture(weights.find_weights(model, (shipped[-1].suffix,) if shipped else weights.SUFFIXES))


def written_architecture(path: Path) -> str:
    """Return the architecture that a file says it is of; raises ModelError if it is damaged or does not say."""
    architecture = "attention_unet" if path.suffix == ".pth" else written_metadata(path).get("architecture")
    if architecture not in ARCHITECTURES:
        raise ModelError(f"{path} was {FOREIGN} or is cut off (its metadata is missing); export the model again.")
    return architecture


def inner_size(checkpoint: Path) -> tuple[int, int]:
    """Return width and height of the graph to be made of an AttentionUNet; raises ModelError if it is damaged."""
    if checkpoint.suffix == ".pth":
        return INNER_WH[32]  # as published
    width = json.loads(written_metadata(checkpoint)["config"])["width"]
    return INNER_WH[16 if width <= 16 else 32]


def written_metadata(path: Path) -> dict[str, str]:
    """Return what an .onnx or a .safetensors file says of the generator in it; raises ModelError if it is damaged."""
    try:
        return read_metadata(path) if path.suffix == ".onnx" else read_header(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} was {FOREIGN} or is damaged ({error}); train or export it again.") from error


def read_header(checkpoint: Path) -> dict[str, str]:
    """Return the metadata in the header of a .safetensors file; raises OSError, ValueError and the like."""
    with checkpoint.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > checkpoint.stat().st_size:
            raise ValueError("it is cut off")
        metadata = json.loads(file.read(length))["__metadata__"]
    return {key: str(metadata[key]) for key in ("architecture", "config")}
