"""The few errors IllumiGAN raises; every message is one sentence that says what was wrong and what to do."""


class IllumiganError(Exception):
    """Root of all errors that IllumiGAN raises on purpose."""


class FrameError(IllumiganError):
    """A frame, image, video or bag cannot be used as input."""


class ModelError(IllumiganError):
    """Weights or a runtime cannot be used."""


class Stopped(IllumiganError):
    """What was under way is not wanted any longer."""
