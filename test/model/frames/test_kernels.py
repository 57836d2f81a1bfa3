import os
import platform
import subprocess
import sys

import pytest


def test_a_numba_that_cannot_be_imported_is_no_obstacle(tmp_path):
    (tmp_path / "numba.py").write_text("raise SystemError('numba needs another NumPy')")
    code = (
        "from illumigan_model import enhancer\nfrom illumigan_model.frames import kernels; import numpy as np;"
        "made = enhancer.Enhancer().enhance(np.full((64, 64, 3), 20, np.uint8));"
        "assert made.image.mean() > 22; assert 'needs another NumPy' in kernels.kernel_reason()"
    )
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_full_disk_does_not_stop_a_kernel_that_cannot_be_kept(tmp_path):
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from illumigan_model.frames import given, kernels; import numpy as np;"
        "planes = given.as_planes(np.full((48, 64, 3), 51, np.uint8));"
        "assert np.allclose(planes, 0.2); assert not kernels.kernel_reason()"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert not list(tmp_path.rglob("*.nbc"))


FRAMES = """
import hashlib, os, pathlib, cv2, numpy as np
from skimage import data
from illumigan_model.enhancer import Enhancer
clean = cv2.resize(data.astronaut() // 4, (1000, 563))
noisy = np.clip(clean + np.random.default_rng(0).normal(0, 2, clean.shape), 0, 255).astype(np.uint8)
with Enhancer() as enhancer:
    kept = set(pathlib.Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nbc"))
    made = [enhancer.enhance(frame, i / 30).image for i, frame in enumerate([noisy, noisy, noisy, clean])]
    enhancer.temporal = False
    made += [enhancer.enhance(frame).image for frame in (noisy, clean)]
late = set(pathlib.Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nbc")) - kept
print(len(kept), sorted(file.name for file in late), hashlib.sha256(np.stack(made)).hexdigest())
"""


def test_kernels_are_compiled_before_the_first_frame_and_make_the_same_pixels_when_kept(tmp_path):
    places = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", FRAMES]
    answers = [subprocess.run(command, env=places, capture_output=True, text=True, check=True) for _ in range(2)]
    kept, late, pixels = answers[0].stdout.split()
    assert int(kept) > 0
    assert late == "[]"
    assert answers[1].stdout.split()[2] == pixels


MULTIPLIED = """
import numpy as np
from numba import njit
from illumigan_model.frames.kernels.compiled.jit import JIT, fma

@njit(**JIT)
def fill(one, other, added, out):
    for i in range(len(out)):
        out[i] = fma(one[i], other[i], added[i])

one = np.full(1000, 1 + 2.0**-12, np.float32)
out = np.empty_like(one)
fill(one, one, np.full_like(one, -1 - 2.0**-11), out)
(code,) = fill.inspect_asm().values()
print(float(out.min()), float(out.max()), "fmaf" in code)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the features are those of x86-64")
@pytest.mark.parametrize("features", ["+avx,+avx2", "+avx,+avx2,+fma"])
def test_fma_rounds_once_where_the_processor_has_it_and_calls_nothing_where_not(features):
    environment = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": features, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", MULTIPLIED], env=environment, capture_output=True, text=True, check=True
    )
    least, most, calls = done.stdout.split()
    # The product is 1 + 2^-11 + 2^-24, of which a float32 by itself does not hold the end.
    assert float(least) == float(most) == (2.0**-24 if "+fma" in features else 0)
    assert calls == "False"  # in a library, each would take as long as a whole row of them
