"""The detecting node: frames of cameras in, boxes out."""
