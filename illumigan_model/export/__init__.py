"""From weights to an ONNX graph."""
