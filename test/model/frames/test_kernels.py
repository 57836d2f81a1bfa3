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
