"""The doctor, also on installations that are not well: it names what is wrong and looks at the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import illumigan

from illumigan_ros.commands import doctor

PATIENCE = 120


def doctor_with(modules: Path) -> str:
    """Return what the doctor prints where the modules in this folder are found before the installed ones."""
    search = os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", "from illumigan_ros.commands.doctor import examine; examine()"]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONPATH": search, "COLUMNS": "400"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_libraries_that_break_on_import_are_named_and_the_rest_is_looked_at(tmp_path):
    broken = "raise {}"
    (tmp_path / "onnxruntime.py").write_text(broken.format("OSError('libfoo.so.1: cannot open shared object file')"))
    (tmp_path / "numba.py").write_text(broken.format("ImportError('Numba needs this: pip install numba[old]')"))
    output = doctor_with(tmp_path)
    lines = {line.split("  ")[0]: line for line in output.splitlines()}
    assert "libfoo.so.1" in lines["runtime onnxruntime"]
    assert "pip install numba[old]" in lines["kernel"]
    assert "NumPy, many times slower" in lines["kernel"]
    assert "runtime in use" in lines
    assert "ROS 2" in output


def test_a_graphics_driver_that_hangs_does_not_hang_the_doctor(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(doctor, "NVIDIA_SMI_TIMEOUT", 0.2)
    found = {finding.subject: finding for finding in doctor.look_at_machine()}
    if "nvidia-smi" not in found["GPU"].text:
        pytest.skip("a Jetson, which has no nvidia-smi")
    assert "does not answer" in found["GPU"].text
    assert "display" in found


def test_the_doctor_says_what_works():
    output = illumigan("doctor")
    assert "onnxruntime" in output and "sha256 as shipped" in output
    for subject in ("GPU", "PyAV", "JPEG", "rclpy", "kernel", "openvino", "tensorrt", "engines in"):
        assert subject in output
