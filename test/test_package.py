"""The package as others meet it: what colcon and pip install, what it says of itself, which room may import which."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import illumigan_model

ROOT = Path(__file__).parents[1]
ROOMS = {"illumigan_model": "illumigan_model", "illumigan_training": "training", "illumigan_ros": "illumigan_ros"}
EXECUTABLES = ["detect_node", "enhance_node", "play_bag", "record_bag"]
DISTRIBUTION_OF = {
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "cv2": "opencv-python",
    "turbojpeg": "pyturbojpeg",
    "lightning_fabric": "lightning-fabric",
    "skimage": "scikit-image",
    "rerun": "rerun-sdk",
    "yaml": "pyyaml",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that building leaves the checkout clean."""
    copy = tmp_path_factory.mktemp("workspace") / "illumigan"
    made = ["build", "install", "log", "demo_out", "runs", "shared", "__pycache__", "*.egg-info"]
    return Path(shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", *made)))


@pytest.fixture(scope="module")
def wheel(tree: Path) -> zipfile.ZipFile:
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tree.parent, tree)
    return zipfile.ZipFile(next(tree.parent.glob("illumigan-*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    line = [str(part) for part in command]
    done = subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def colcon(*arguments: str, cwd: Path) -> str:
    pytest.importorskip("colcon_ros", reason="colcon-ros is not installed")
    return run(sys.executable, "-m", "colcon", *arguments, cwd=cwd)


def test_colcon_sees_a_ros_package(tree: Path) -> None:
    assert colcon("list", cwd=tree.parent).split() == ["illumigan", "illumigan", "(ros.ament_python)"]


@pytest.mark.parametrize("option", ["--merge-install", "--symlink-install"])
def test_colcon_build_leaves_what_ros2_run_and_launch_look_for(tree: Path, tmp_path: Path, option: str) -> None:
    base = ["--build-base", str(tmp_path / "build"), "--install-base", str(tmp_path / "install"), option]
    colcon("--log-base", str(tmp_path / "log"), "build", *base, cwd=tree.parent)
    prefix = tmp_path / "install" / ("" if option == "--merge-install" else "illumigan")
    assert (prefix / "share/ament_index/resource_index/packages/illumigan").is_file()
    assert (prefix / "share/illumigan/package.xml").is_file()
    for folder in ("launch", "config"):
        wanted = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {path.name for path in (prefix / "share/illumigan" / folder).iterdir() if path.is_file()} == wanted
    for name in EXECUTABLES:
        assert os.access(prefix / "lib/illumigan" / name, os.X_OK)

    overlay = f". {tmp_path}/install/local_setup.sh && cd / && "
    where = "import illumigan_model, illumigan_training as t; print(illumigan_model.__file__, t.__file__)"
    for module in run("bash", "-c", f'{overlay} {sys.executable} -c "{where}"').split():
        assert tmp_path in Path(module).parents
    assert "enhance-video" in run("bash", "-c", f"{overlay} illumigan --help")


def test_the_wheel_has_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name and ".data/" not in name}
    assert tops == set(ROOMS)
    for installed, folder in ROOMS.items():
        for path in (ROOT / folder).rglob("*.py"):
            assert f"{installed}/{path.relative_to(ROOT / folder).as_posix()}" in names
    for path in (ROOT / "illumigan_model/weights").rglob("*"):
        assert path.is_dir() or path.suffix == ".pyc" or path.relative_to(ROOT).as_posix() in names
    data = {name.split(".data/data/")[1]: wheel.getinfo(name) for name in names if ".data/data/" in name}
    assert {"share/ament_index/resource_index/packages/illumigan", "share/illumigan/package.xml"} <= set(data)
    for name in EXECUTABLES:
        assert data[f"lib/illumigan/{name}"].external_attr >> 16 & 0o100, f"{name} is not executable"


def test_a_plain_install_needs_neither_torch_nor_ros(metadata: Message) -> None:
    plain = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert plain
    assert not [line for line in plain if line.startswith(("torch", "ros-", "nvidia", "safetensors"))]


def test_the_command_and_the_enhancer_start_without_torch_and_ros() -> None:
    rooms = "illumigan_ros.commands.main, illumigan_model.enhancer, illumigan_model.detectors.detector"
    imports = f"import sys, {rooms}; print(*sys.modules)"
    loaded = run(sys.executable, "-c", imports)
    assert not {"torch", "rclpy"} & set(loaded.split())


def test_importing_the_model_is_cheap_and_gives_the_enhancer_when_it_is_asked_for() -> None:
    run(sys.executable, "-c", "import sys, illumigan_model as m; assert not {'numpy', 'cv2'} & set(sys.modules)")
    offered = "from illumigan_model import EnhancedFrame, Enhancer, __version__, available_models; print("
    shown = run(sys.executable, "-c", f"{offered}Enhancer.__name__, EnhancedFrame.__name__, available_models())")
    assert shown.startswith("Enhancer EnhancedFrame ['attention_unet', ")
    with pytest.raises(ImportError):
        from illumigan_model import Dimmer  # noqa: F401


def test_there_is_one_version(metadata: Message) -> None:
    command = [sys.executable, "-m", "illumigan_ros.commands.main"]
    assert metadata["Version"] == illumigan_model.__version__ == run(*command, "--version").split()[1]
    assert f"<version>{metadata['Version']}</version>" in (ROOT / "package.xml").read_text()
    heading = (ROOT / "CHANGELOG.rst").read_text().split("\n----", 2)[0].splitlines()[-1]
    assert heading.startswith(("Forthcoming", f"{metadata['Version']} ("))


def test_package_xml_is_valid_and_names_the_same_version(metadata: Message) -> None:
    catkin_package = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg is not installed")
    package = catkin_package.parse_package(ROOT)
    assert package.package_format == 3
    assert package.get_build_type() == "ament_python"
    assert package.version == metadata["Version"]
    assert package.licenses == [metadata["License"]] == ["Apache-2.0"]
    assert package.maintainers[0].email == metadata["Maintainer-email"]


def test_every_import_is_declared(metadata: Message) -> None:
    catkin_package = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg is not installed")
    declared = {depend.name for depend in catkin_package.parse_package(ROOT).exec_depends}
    for line in metadata.get_all("Requires-Dist", []):
        if 'extra == "dev"' not in line:
            declared.add("".join(c if c.isalnum() or c in "-_" else " " for c in line).split()[0].lower())
    for folder in ROOMS.values():
        for name, path in imports(ROOT / folder):
            known = name in sys.stdlib_module_names or name in ROOMS or DISTRIBUTION_OF.get(name, name) in declared
            assert known, f"{path} imports {name}, which neither setup.py nor package.xml names"


def test_imports_only_point_down() -> None:
    above = {
        "illumigan_model": {"illumigan_training", "illumigan_ros", "rclpy"},
        "training": {"illumigan_ros", "rclpy"},
    }
    for folder, forbidden in above.items():
        wrong = [f"{path} imports {name}" for name, path in imports(ROOT / folder) if name in forbidden]
        assert not wrong


def imports(folder: Path) -> list[tuple[str, Path]]:
    """Return (top-level module, file) for every import anywhere in the folder's files."""
    found = []
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [(alias.name.split(".")[0], path) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((node.module.split(".")[0], path))
    return found
