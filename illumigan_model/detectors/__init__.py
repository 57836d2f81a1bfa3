"""Object detectors as ONNX files: what classes they know, how their answers are laid out, frame in, boxes out."""
