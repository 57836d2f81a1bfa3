"""TensorRT: building an engine, keeping it, running it."""
