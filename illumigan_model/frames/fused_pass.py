"""The fused pass: a CurveGrid's tone curves applied to a full-resolution uint8 frame on the CPU, with denoising.

A frame is cut into blocks of rows that stay in a core's cache on their way from the frame to the result. A block is
first prepared (split into colours and denoised, or only split), then its levels go through the curves. Threads take
one block after another, so that one which the system has put to sleep holds nobody up. Preparing needs no curves:
other threads look how noisy the frame is and prepare blocks while the caller's thread still runs the network.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from illumigan_model.frames import curves
from illumigan_model.frames.curves import GRID_WH, KNOTS, SPANS, Block, Tones
from illumigan_model.frames.kernels import as_rows, open_kernels
from illumigan_model.frames.noise import Denoising, Noise, plan_denoising
from illumigan_model.frames.past_luminance import Recall
from illumigan_model.frames.row_memory import MARGIN, new_rows
from illumigan_model.frames.thumbnails import Surroundings

PIXELS_AT_ONCE = 1 << 18  # of all threads' blocks: few blocks, as each costs calls, but no long wait for the last one
PIXELS_AHEAD = 1 << 20  # that may be prepared before the curves come
NO_GRID = np.zeros((3 * KNOTS + 1, *GRID_WH[::-1]), np.float32)  # while the curves have not come


@dataclass(frozen=True)
class Scratch:
    """Memory that a thread works in, as the kernels describe it."""

    levels: np.ndarray
    luma: np.ndarray
    fresh: np.ndarray
    lines: np.ndarray
    planes: np.ndarray
    bends: np.ndarray
    made: np.ndarray


def new_scratch(rows: int, width: int) -> Scratch:
    """Return the scratch for one thread and blocks of so many rows."""
    return Scratch(
        levels=new_rows(1, 4, width),
        luma=new_rows(rows + 4, width + 2 * MARGIN),
        fresh=new_rows(rows, width),
        lines=new_rows(5, width + 2 * MARGIN),
        planes=new_rows(14, width),
        bends=new_rows(3, 2 * SPANS * (4 * (KNOTS + 1) + 1)),
        made=new_rows(5, width),
    )


@dataclass(frozen=True)
class Preparation:
    """What is wrong with the frame, how its blocks are denoised (None: not at all), and what they are joined with."""

    noise: Noise
    denoising: Denoising | None
    recall: Recall | None


Look = Callable[[], tuple[Noise, Surroundings | None, Recall | None]]
"""Looks at the frame and returns the noise to take out, the frame's `Reductions.surroundings`, and the past that it is
joined with. Without noise (`noise.NONE`) and past, or without surroundings, nothing is denoised."""


class FusedPass:
    """Threads and memory to enhance one frame after another; the memory is kept from frame to frame.

    Example:
        >>> fused = FusedPass(threads=2)
        >>> job = fused.begin(frame, lambda: (estimate_noise(frame), reductions.surroundings(), None))
        >>> image, attention = job.finish(grid)
    """

    def __init__(self, threads: int) -> None:
        """Start `threads` - 1 threads that help the caller's."""
        self._helpers = threads - 1
        self._block_pixels = PIXELS_AT_ONCE // max(threads, 2)
        self._pool = ThreadPoolExecutor(max(self._helpers, 1), thread_name_prefix="fused_pass")
        self._local = threading.local()
        self._slots: list[np.ndarray] = []
        self._slots_for = (0, 0, 0)  # width, rows of a block, blocks
        self._job: Job | None = None

    def begin(self, frame: np.ndarray, look: Look, into: np.ndarray | None = None, *, keep_grain: bool = False) -> Job:
        """Begin to enhance a frame, and prepare blocks of it until the curves come.

        Args:
            frame: uint8 BGR, H x W x 3, C-contiguous, at least 16 x 16.
            look: called once, by the thread that first has time for it.
            into: memory for the result, uint8 H x W x 3, C-contiguous; made anew where there is none.
            keep_grain: whether some of the noise's grain is kept, as for a picture by itself.

        Returns:
            the job, which must be finished or abandoned before the next one begins.
        """
        height, width = frame.shape[:2]
        blocks = curves.blocks(width, height, max(self._block_pixels // width, 1))
        rows = curves.tallest(blocks)
        if self._slots_for != (width, rows, len(blocks)):  # what is beyond the end of their rows must be 0
            self._slots_for = (width, rows, len(blocks))
            ahead = min(max(PIXELS_AHEAD // (rows * width), 1), len(blocks)) if self._helpers else 0
            self._slots = [new_rows(rows, 4, width) for _ in range(ahead)]
        image = np.empty_like(frame) if into is None else into
        job = Job(frame, image, look, keep_grain, blocks, self._slots, self._local)
        self._job = job
        job.helpers = [self._pool.submit(job.help) for _ in range(self._helpers)]
        return job

    def close(self) -> None:
        """End the threads, also where the last frame was left on its way, as a signal's exception does anywhere."""
        if self._job is not None:
            self._job.abandon()
        self._pool.shutdown()


class Job:
    """One frame on its way; made by `FusedPass.begin`."""

    def __init__(
        self,
        frame: np.ndarray,
        image: np.ndarray,
        look: Look,
        keep_grain: bool,
        blocks: tuple[Block, ...],
        slots: list[np.ndarray],
        local: threading.local,
    ) -> None:
        height, width = frame.shape[:2]
        self.helpers: list[Future[None]] = []
        self._kernels = open_kernels()
        self._where = curves.plan(width, height)
        self._look, self._keep_grain, self._looking = look, keep_grain, threading.Lock()
        self._preparation: Preparation | None = None
        self._image, self._attention = image, np.empty((height, width), np.uint8)
        self._frame, self._out = as_rows(frame), self._image.reshape(height, -1)
        self._rows, self._local = curves.tallest(blocks), local
        # Threads take from these; one call of next() or popleft() is atomic.
        self._fresh, self._done = iter(blocks), iter(range(1, len(blocks) + 1))
        self._free, self._ready = iter(slots), deque[tuple[Block, np.ndarray]]()
        self._last = len(blocks)
        self._grid: np.ndarray | None = None
        self._go, self._end = threading.Event(), threading.Event()
        self._error: Exception | None = None

    def finish(self, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply a grid of curves to the frame.

        Args:
            grid: float32 in [0, 1], 25 x 9 x 16: 24 curve values and u, as from `CurveGrid.curves`.

        Returns:
            (enhanced frame, uint8 BGR H x W x 3; attention map, uint8 H x W), made anew for each frame but for `into`.
        """
        self._grid = np.ascontiguousarray(grid)
        self._go.set()
        try:
            self._work(self._grid)
            # Only blocks are waited for; a helper that still sleeps has none.
            self._end.wait()
            if self._error is not None:
                raise self._error
        except BaseException:
            self.abandon()
            raise
        return self._image, self._attention

    def abandon(self) -> None:
        """Give the frame up, without curves or half-way through."""
        self._go.set()
        wait(self.helpers)  # they may still write into memory that the next frame needs

    def prepare(self) -> None:
        """Prepare blocks until the curves come or the memory for them is used up."""
        preparation = self._plan()
        scratch = self._scratch()
        while not self._go.is_set():
            slot = next(self._free, None)
            block = None if slot is None else next(self._fresh, None)
            if slot is None or block is None:
                break
            self._read(block, slot, preparation, scratch, NO_GRID, is_whole=False)
            self._ready.append((block, slot))

    def help(self) -> None:
        """Prepare blocks until the curves come, then take part in the rest."""
        try:
            self.prepare()
            self._go.wait()
            if self._grid is not None:
                self._work(self._grid)
        except Exception as error:  # of whatever kind: the caller's thread shall raise it
            self._error = error
            self._end.set()

    def _work(self, grid: np.ndarray) -> None:
        """Enhance blocks until none is left."""
        preparation = self._plan()
        scratch = self._scratch()
        while True:
            try:
                block, slot = self._ready.popleft()
            except IndexError:
                fresh = next(self._fresh, None)
                if fresh is None:
                    return
                self._read(fresh, scratch.levels, preparation, scratch, grid, is_whole=True)
            else:
                tones, out = self._tones(block, preparation, scratch, grid), self._out[block.first : block.last]
                self._kernels.rows.enhance(slot, tones, out)
            if next(self._done) == self._last:
                self._end.set()

    def _plan(self) -> Preparation:
        """Return how blocks are prepared; the first thread that asks finds it out."""
        with self._looking:
            if self._preparation is None:
                noise, surroundings, recall = self._look()
                is_clean = noise.share * max(noise[:3]) == 0 and recall is None
                how = None
                if surroundings is not None and not is_clean:
                    how = plan_denoising(noise, surroundings, keep_grain=self._keep_grain)
                self._preparation = Preparation(noise, how, recall)
            return self._preparation

    def _scratch(self) -> Scratch:
        """Return this thread's scratch, kept from frame to frame of the same size."""
        kind = (self._rows, self._attention.shape[1])
        if getattr(self._local, "kind", None) != kind:
            self._local.kind, self._local.scratch = kind, new_scratch(*kind)
        scratch: Scratch = self._local.scratch
        return scratch

    def _tones(self, block: Block, preparation: Preparation, scratch: Scratch, grid: np.ndarray) -> Tones:
        tiles, below = grid[:, block.tile : block.tile + 2], self._where.below[block.first : block.last]
        where, noise = self._where, preparation.noise
        rows = (tiles, below, where.spans, where.right)
        return Tones(*rows, noise.whole, noise.doubt, scratch.bends, scratch.made)

    def _read(
        self,
        block: Block,
        levels: np.ndarray,
        preparation: Preparation,
        scratch: Scratch,
        grid: np.ndarray,
        *,
        is_whole: bool,
    ) -> None:
        """Read and denoise a block, and enhance it if the whole work is wanted; else it is left in `levels`."""
        attention = self._attention[block.first : block.last]
        out = self._out[block.first : block.last if is_whole else block.first]
        rest = (levels, attention, self._tones(block, preparation, scratch, grid), out)
        if preparation.denoising is None:
            self._kernels.rows.unpack(self._frame[block.first : block.last], *rest)
            return
        luma, fresh = scratch.luma[: len(attention) + 4], scratch.fresh[:0]
        if preparation.recall is None:
            self._kernels.luminance.see(self._frame, block.first, luma)
        else:
            fresh = scratch.fresh[: len(attention)]
            seen = (luma, fresh, scratch.lines)
            self._kernels.luminance.follow(self._frame, block.first, preparation.recall, *seen)
        seen = (luma, fresh, scratch.planes)
        self._kernels.rows.clean(self._frame, block.first, preparation.denoising, *seen, *rest)
