"""Kernels compiled by numba: short loops over contiguous rows, so that each becomes SIMD code. They release the GIL."""

from illumigan_model.frames.kernels.compiled import luminance, noise, pictures, rows, yuv

__all__ = ["luminance", "noise", "pictures", "rows", "yuv"]
