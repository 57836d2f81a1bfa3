"""Kernels compiled by numba: short loops over contiguous rows, so that each becomes SIMD code. They release the GIL."""

from illumigan_model.frames.kernels.compiled import curves, denoise, luminance, pictures, yuv

__all__ = ["curves", "denoise", "luminance", "pictures", "yuv"]
