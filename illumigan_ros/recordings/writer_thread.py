"""Writing a bag beside the subscriptions: a slow disk does not cost frames at once, a full one costs no recording."""

from __future__ import annotations

import queue
import threading
import time

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter

MOST_WAITING_BYTES = 1 << 30
FLUSH_SECONDS = 1.0  # what a killed recorder loses at most


class WriterThread:
    """Writes queued messages to a bag.

    `error` says why it can write no more; `dropped` counts the messages for which the disk was too slow, `refused`
    those that could not be written although the disk took others.
    """

    def __init__(self, bag: BagWriter) -> None:
        """Start the thread."""
        self.bag = bag
        self.error: FrameError | None = None
        self.dropped = self.refused = 0
        self._waiting: queue.SimpleQueue[tuple[str, int, bytes] | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._bag_lock = threading.Lock()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def add_topic(self, topic: str, msgtype: str, *, reliable: bool, latched: bool) -> None:
        """Announce a topic, see BagWriter."""
        with self._bag_lock:
            self.bag.add_topic(topic, msgtype, reliable=reliable, latched=latched)

    def put(self, topic: str, time_ns: int, raw: bytes) -> None:
        """Queue one message."""
        with self._lock:
            if self._waiting_bytes + len(raw) > MOST_WAITING_BYTES:
                self.dropped += 1
                return
            self._waiting_bytes += len(raw)
        self._waiting.put((topic, time_ns, raw))

    def _write_all(self) -> None:
        flushed = time.monotonic()
        while True:
            try:
                item = self._waiting.get(timeout=FLUSH_SECONDS)
                if item is None:
                    return
                self._write(*item)
            except queue.Empty:
                pass
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                flushed = time.monotonic()
                self._try_to_flush()

    def _write(self, topic: str, time_ns: int, raw: bytes) -> None:
        try:
            if self.error is None:
                with self._bag_lock:
                    self.bag.write(topic, time_ns, raw)
        except FrameError as error:
            self.error = error
        except Exception:  # whatever is wrong with this message, the next one may be written
            self.refused += 1
        with self._lock:
            self._waiting_bytes -= len(raw)

    def _try_to_flush(self) -> None:
        try:
            if self.error is None:
                with self._bag_lock:
                    self.bag.flush()
        except FrameError as error:
            self.error = error

    def finish(self) -> None:
        """Write what is queued and close the bag; `error` then says whether it has everything."""
        self._waiting.put(None)
        self._thread.join()
        try:
            self.bag.close()
        except FrameError as error:
            self.error = self.error or error
