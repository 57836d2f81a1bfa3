import os
import subprocess
import sys


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


NOISY_FRAME = """
import hashlib, cv2, numpy as np
from skimage import data
from illumigan_model.enhancer import Enhancer
frame = cv2.resize(data.astronaut() // 4, (1000, 563))
frame = np.clip(frame + np.random.default_rng(0).normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
with Enhancer() as enhancer:
    print(hashlib.sha256(b"".join(enhancer.enhance(frame, i / 30).image.tobytes() for i in range(3))).hexdigest())
"""


def test_kernels_that_were_just_compiled_and_kept_ones_make_the_same_pixels(tmp_path):
    places = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", NOISY_FRAME]
    answers = [subprocess.run(command, env=places, capture_output=True, text=True, check=True) for _ in range(2)]
    assert any(tmp_path.iterdir())
    assert answers[0].stdout == answers[1].stdout
