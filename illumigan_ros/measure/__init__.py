"""What a frame costs: benchmark and GPU check."""
