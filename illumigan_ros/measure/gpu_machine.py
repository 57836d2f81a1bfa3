"""What the GPU check says of the machine that it runs on."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import torch

from illumigan_model.errors import ModelError
from illumigan_model.system.machine import board_name, l4t_release, processor_name
from illumigan_model.tensorrt.build import load_tensorrt


def facts_of(device: torch.device) -> dict[str, str]:
    """Return the versions of all that figures depend on, by name."""
    try:
        trt = load_tensorrt()
        tensorrt = f"{trt.__name__} {trt.__version__}"
    except ModelError:
        tensorrt = "none"
    facts = {"date": datetime.now(timezone.utc).date().isoformat()}
    if device.type == "cuda":
        facts["driver"] = driver_version()
    facts |= {"CUDA": str(torch.version.cuda), "PyTorch": torch.__version__, "TensorRT": tensorrt}
    release = l4t_release()
    return facts | ({"L4T": release} if release else {})


def driver_version() -> str:
    """Return the version of NVIDIA's driver as its kernel module tells it."""
    file = Path("/proc/driver/nvidia/version")
    found = re.search(r"NVRM version:.*?\s(\d+\.[\d.]+)\s", file.read_text()) if file.is_file() else None
    return found.group(1) if found else "not told"


def machine_name(device: torch.device) -> str:
    """Return the GPU's name and the processor's."""
    host = board_name() or processor_name()
    return f"{torch.cuda.get_device_name(device)}, {host}" if device.type == "cuda" else host


def no_gpu() -> str | None:
    """Return why PyTorch cannot use a GPU here, None if it can."""
    if torch.cuda.is_available():
        return None
    has_cuda = torch.version.cuda is not None
    why = "it finds no GPU or no driver" if has_cuda else f"its build {torch.__version__} is for the CPU"
    return f"PyTorch cannot use the NVIDIA GPU: {why}; nothing was measured."
