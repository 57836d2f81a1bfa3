"""What we use of TensorRT's Python interface exists in every version from 8.6 to 11.4, or is asked for before."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from illumigan_model.tensorrt import build, runtime

API = json.loads(Path(__file__).with_name("api.json").read_text())
CLASSES = {
    "trt": "tensorrt",
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "get_error": "ParserError",
    "config": "IBuilderConfig",
    "flag": "NetworkDefinitionCreationFlag",
    "_runtime": "Runtime",
    "_engine": "ICudaEngine",
    "_context": "IExecutionContext",
    **{name: name for name in ("BuilderFlag", "DataType", "ILogger", "MemoryPoolType", "TensorIOMode")},
}
"""What things are called in our code -> their class."""


def receiver(node: ast.expr) -> str:
    """The last name of what an attribute belongs to: `_engine` of self._engine, get_error of parser.get_error(0)."""
    if isinstance(node, ast.Call):
        return receiver(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def unguarded(source: str) -> Iterator[str]:
    """Name every attribute that some version lacks and that is used without hasattr somewhere in the same source."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and receiver(node.func) == "hasattr"]
    guarded = {(receiver(call.args[0]), call.args[1].value) for call in calls}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or receiver(node.value) not in CLASSES or node.attr.startswith("__"):
            continue
        names = API["names"][CLASSES[receiver(node.value)]]
        versions = next((having for having, attributes in names.items() if node.attr in attributes.split()), "")
        missing = set(API["versions"]) - set(versions.split())
        if missing and (receiver(node.value), node.attr) not in guarded:
            yield f"{receiver(node.value)}.{node.attr} is missing in {sorted(missing)}"


@pytest.mark.parametrize("module", [build, runtime])
def test_every_attribute_exists_in_every_version_or_is_asked_for_before(module):
    assert not list(unguarded(Path(module.__file__).read_text()))


@pytest.mark.parametrize(
    "source,missing",
    [
        ("config.set_flag(trt.BuilderFlag.FP16)", "11.4.0"),
        ("builder.create_network(1 << int(flag.EXPLICIT_BATCH))", "11.4.0"),
        ("self._context.execute_async_v2([], 0)", "10.3.0"),
        ("config.progress_monitor = None", "8.6.1"),
        ("parser.get_error(0).descripton()", "10.16.1"),
    ],
)
def test_what_a_version_lacks_is_found(source, missing):
    (found,) = unguarded(source)
    assert missing in found
