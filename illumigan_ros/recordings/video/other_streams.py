"""What a video file has beside its pictures: sound, subtitles, chapters, titles; copied into another file as it is."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illumigan_model.system.files import DISK_FULL
from illumigan_ros.recordings.video.library import av_errors, load_av

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

BRANDS = ("major_brand", "minor_version", "compatible_brands", "encoder")
MEASURED = ("duration", "number_of_", "bps", "_statistics_")


class OtherStreams:
    """Copies the streams beside the video from one file to another; needs PyAV. Close it.

    Attribute: `notes`, one sentence for each stream that the other file cannot hold and for packets that did not fit.
    """

    def __init__(self, source: Path, video_index: int, shift: Fraction, target: OutputContainer) -> None:
        """Open the source and add its streams to the target, before anything is written there.

        `shift`, in seconds, is added to all times.
        """
        av: Any = load_av()
        self._errors = av_errors(av)
        self._container: InputContainer = av.open(str(source), metadata_errors="replace")
        self._source, self._target, self._shift = source, target, shift
        self._copies: dict[int, Stream] = {}
        self._refused: dict[str, int] = {}
        self.notes: list[str] = []
        chapters = self._container.chapters()
        for stream in self._container.streams:
            if stream.index != video_index and not (chapters and stream.type == "data"):
                self._add(av, stream)
        target.metadata.update(carried(self._container.metadata))
        for chapter in chapters:
            moved = round(shift / chapter["time_base"]) if chapter["time_base"] else 0
            chapter["start"] += moved
            chapter["end"] += moved
        if chapters:
            target.set_chapters(chapters)
        self._packets = self._readable()
        self._next = next(self._packets, None)

    def _add(self, av: Any, stream: Stream) -> None:
        kind = self._target.format.name
        try:
            with av.open(str(self._source)) as source, av.open(io.BytesIO(), "w", format=kind) as trial:
                taken = source.streams[stream.index]
                copy = trial.add_stream_from_template(taken)
                for packet in source.demux(taken):  # some refusals come with the first packet, some with the end
                    if packet.size and packet.dts is not None:
                        packet.stream = copy
                        trial.mux(packet)
                        break
        except self._errors:
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            self.notes.append(f"{stream.type} ({codec}) cannot be in a file of kind {kind}, and is left out")
            return
        copy = self._target.add_stream_from_template(stream)
        copy.metadata.update(carried(stream.metadata))
        with suppress(AttributeError):
            copy.disposition = stream.disposition
        self._copies[stream.index] = copy

    def _readable(self) -> Generator[Packet, None, None]:
        """Yield the packets to copy, up to where the file is broken: whoever reads the video says so."""
        wanted = [stream for stream in self._container.streams if stream.index in self._copies]
        with suppress(*self._errors):
            for packet in self._container.demux(wanted) if wanted else ():
                if packet.size and packet.dts is not None:
                    yield packet

    def copy_until(self, time: Fraction | None) -> None:
        """Copy what comes before a time, in seconds; None copies the rest. Raises PyAV's error on a full disk."""
        while (packet := self._next) is not None:
            if time is not None and (packet.dts or 0) * packet.time_base + self._shift > time:
                return
            self._mux(packet)
            self._next = next(self._packets, None)

    def _mux(self, packet: Packet) -> None:
        kind = packet.stream.type
        moved = round(self._shift / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts + moved
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.stream = self._copies[packet.stream_index]
        try:
            self._target.mux(packet)
        except self._errors as error:
            if getattr(error, "errno", None) in DISK_FULL:
                raise
            self._refused[kind] = self._refused.get(kind, 0) + 1

    def close(self) -> None:
        """Close the source, and tell what did not fit."""
        refused = self._refused.items()
        self.notes += [f"{count} packets of {kind} did not fit, and are left out" for kind, count in refused]
        self._refused.clear()
        self._packets.close()
        self._container.close()


def carried(metadata: dict[str, str]) -> dict[str, str]:
    """Return what of a file's or stream's metadata is true of a copy, too."""
    return {key: value for key, value in metadata.items() if not key.lower().startswith(BRANDS + MEASURED)}
