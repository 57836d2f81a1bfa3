"""What is shared by all rooms and knows no frames: files, caches, child processes."""
