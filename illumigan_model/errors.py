"""The few errors IllumiGAN raises; every message is one sentence that says what was wrong and what to do."""


class IllumiganError(Exception):
    """Root of all errors that IllumiGAN raises on purpose."""


class FrameError(IllumiganError):
    """A frame, image, video or bag cannot be used as input, or a result not be written."""


class Incomplete(FrameError):
    """An input or a result lacks something; what could be done with the rest was done. Commands end in exit code 1."""


class ModelError(IllumiganError):
    """Weights or a runtime cannot be used."""


class Stopped(IllumiganError):
    """What was under way is not wanted any longer."""


def first_line(error: Exception) -> str:
    """Return the first line of what a library or the system says, to be quoted in a sentence: without a full stop.

    Nor with the place in its own source that ROS puts behind; the exception's type where it says nothing.
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.splitlines() or [""])[0].split(", at /")[0].rstrip(".") or type(error).__name__
