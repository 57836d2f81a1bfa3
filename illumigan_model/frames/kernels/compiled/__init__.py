"""Kernels compiled by numba: short loops over contiguous rows, so that each becomes SIMD code. They release the GIL."""

from illumigan_model.frames.kernels.compiled import curves, denoise, pictures, yuv

__all__ = ["curves", "denoise", "pictures", "yuv"]
