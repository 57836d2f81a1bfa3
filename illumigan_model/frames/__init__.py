"""The way of a frame on the CPU: thumbnail, curves, noise, sky, smoothing over time, one fused pass."""
