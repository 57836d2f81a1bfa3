"""Generators: one architecture a file; each returns (enhanced image, attention map)."""
