"""What a training sees: folders of photos, samples, the night camera."""
