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
