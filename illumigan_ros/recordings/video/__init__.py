"""Videos in and out: timed frames as uint8 HxWx3 BGR arrays, H.264 files through PyAV."""

from illumigan_ros.recordings.video.library import load_av
from illumigan_ros.recordings.video.reader import VideoReader
from illumigan_ros.recordings.video.writer import VideoWriter, video_writers

__all__ = ["VideoReader", "VideoWriter", "load_av", "video_writers"]
