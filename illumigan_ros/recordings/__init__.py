"""Bags and videos: reading, writing, playing, recording, enhancing."""
