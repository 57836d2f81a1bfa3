"""Kernels in plain NumPy and OpenCV, for machines without numba."""

from illumigan_model.frames.kernels.plain import luminance, noise, pictures, rows, yuv

__all__ = ["luminance", "noise", "pictures", "rows", "yuv"]
