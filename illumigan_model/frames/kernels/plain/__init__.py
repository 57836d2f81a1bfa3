"""Kernels in plain NumPy and OpenCV, for machines without numba."""

from illumigan_model.frames.kernels.plain import curves, denoise, luminance, pictures, yuv

__all__ = ["curves", "denoise", "luminance", "pictures", "yuv"]
