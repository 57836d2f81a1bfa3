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
from illumigan_model.frames.curves import FINE, GRID_WH, LEVELS, SPANS, Block, Steps
from illumigan_model.frames.kernels import as_rows, open_kernels
from illumigan_model.frames.noise import NONE, Denoising, Noise, plan_denoising
from illumigan_model.frames.past_luminance import Recall

BLOCK_PIXELS = 1 << 16
BLOCKS_AHEAD = 16  # of a small frame all; memory for those that are never reached is never taken


class Slot:
    """Memory for one prepared block; what is in it is described in `kernels.compiled.curves`."""

    def __init__(self, rows: int, width: int) -> None:
        self.levels = np.empty((rows, 3, width), np.float32)
        self.index = np.empty((rows, 3, width), np.uint16)


@dataclass(frozen=True)
class Scratch:
    """Memory that a thread works in, as the kernels describe it."""

    slot: Slot
    luma: np.ndarray
    fresh: np.ndarray
    lines: np.ndarray
    planes: np.ndarray
    drawn: np.ndarray
    table: np.ndarray
    wide: np.ndarray
    found: np.ndarray


def new_scratch(rows: int, width: int, steps: int) -> Scratch:
    """Return the scratch for one thread, blocks of so many rows and tables of so many steps."""
    return Scratch(
        slot=Slot(rows, width),
        luma=np.empty((rows + 4, width + 4), np.float32),
        fresh=np.empty((rows, width), np.float32),
        lines=np.empty((5, width + 2), np.float32),
        planes=np.empty((9, width), np.float32),
        drawn=np.empty((2, GRID_WH[0], 3, steps), np.uint8),
        table=np.empty((3, SPANS, steps), np.uint32),
        wide=np.empty((2, width), np.float32),
        found=np.empty((4, width), np.uint32),
    )


@dataclass(frozen=True)
class Preparation:
    """How blocks are prepared: for which tables, and how they are denoised (None: not at all)."""

    steps: Steps
    offset: np.ndarray
    denoising: Denoising | None
    recall: Recall | None


Look = Callable[[], tuple[Noise, np.ndarray, Recall | None]]
"""Looks at the frame and returns the noise to take out, the frame's `Reductions.surroundings`, float32 BGR, (H // 4) x
(W // 4) x 3, and the past that it is joined with. Without noise (`noise.NONE`) and past, nothing is denoised."""


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
        self._pool = ThreadPoolExecutor(max(self._helpers, 1), thread_name_prefix="fused_pass")
        self._local = threading.local()
        self._slots: list[Slot] = []
        self._job: Job | None = None

    def begin(self, frame: np.ndarray, look: Look, into: np.ndarray | None = None, grain: float = 0.0) -> Job:
        """Begin to enhance a frame, and prepare blocks of it until the curves come.

        Args:
            frame: uint8 BGR, H x W x 3, C-contiguous, at least 16 x 16.
            look: called once, by the thread that first has time for it.
            into: memory for the result, uint8 H x W x 3, C-contiguous; made anew where there is none.
            grain: share of the noise's grain that is kept, 0..1.

        Returns:
            the job, which must be finished or abandoned before the next one begins.
        """
        width = frame.shape[1]
        rows = max(BLOCK_PIXELS // width, 1)
        if not self._slots or self._slots[0].levels.shape != (rows, 3, width):
            self._slots = [Slot(rows, width) for _ in range(BLOCKS_AHEAD if self._helpers else 0)]
        image = np.empty_like(frame) if into is None else into
        job = Job(frame, image, look, grain, rows, self._slots, self._local)
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
        grain: float,
        rows: int,
        slots: list[Slot],
        local: threading.local,
    ) -> None:
        height, width = frame.shape[:2]
        self.helpers: list[Future[None]] = []
        self._kernels = open_kernels()
        self._where = curves.plan(width, height)
        self._look, self._grain, self._looking = look, grain, threading.Lock()
        self._preparation: Preparation | None = None
        self._image, self._attention = image, np.empty((height, width), np.uint8)
        self._frame, self._out = as_rows(frame), self._image.reshape(height, -1)
        self._rows, self._local = rows, local
        # Threads take from these; one call of next() or popleft() is atomic.
        blocks = curves.blocks(width, height, rows)
        self._fresh, self._done = iter(blocks), iter(range(1, len(blocks) + 1))
        self._free, self._ready = iter(slots), deque[tuple[Block, Slot]]()
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

    def help(self) -> None:
        """Prepare blocks until the curves come, then take part in the rest."""
        try:
            preparation = self._plan()
            scratch = self._scratch(preparation)
            while not self._go.is_set():
                slot = next(self._free, None)
                block = next(self._fresh, None) if slot else None
                if slot is None or block is None:
                    break
                self._prepare(block, slot, preparation, scratch)
                self._ready.append((block, slot))
            self._go.wait()
            if self._grid is not None:
                self._work(self._grid)
        except Exception as error:  # of whatever kind: the caller's thread shall raise it
            self._error = error
            self._end.set()

    def _work(self, grid: np.ndarray) -> None:
        """Enhance blocks until none is left."""
        preparation = self._plan()
        scratch = self._scratch(preparation)
        where, steps = self._where, preparation.steps
        tile = -1
        while True:
            try:
                block, slot = self._ready.popleft()
            except IndexError:
                fresh = next(self._fresh, None)
                if fresh is None:
                    return
                block, slot = fresh, scratch.slot
                self._prepare(block, slot, preparation, scratch)
            if block.tile != tile:
                tile = block.tile
                between = (steps.edges, steps.share, where.begins, where.right)
                tiles = grid[:, tile : tile + 2]
                self._kernels.curves.tabulate(tiles, *between, scratch.drawn, scratch.table, scratch.wide)
            self._enhance(block, slot, scratch)
            if next(self._done) == self._last:
                self._end.set()

    def _plan(self) -> Preparation:
        """Return how blocks are prepared; the first thread that asks finds it out."""
        with self._looking:
            if self._preparation is None:
                noise, surroundings, recall = self._look()
                is_clean = noise == NONE and recall is None
                steps = LEVELS if is_clean else FINE
                offset = self._where.span * np.uint16(len(steps.share))
                known = (noise, self._grain, surroundings)
                how = None if is_clean else plan_denoising(*known, len(steps.share), offset)
                self._preparation = Preparation(steps, offset, how, recall)
            return self._preparation

    def _scratch(self, preparation: Preparation) -> Scratch:
        """Return this thread's scratch, kept from frame to frame of the same kind."""
        kind = (self._rows, len(self._where.right), len(preparation.steps.share))
        if getattr(self._local, "kind", None) != kind:
            self._local.kind, self._local.scratch = kind, new_scratch(*kind)
        scratch: Scratch = self._local.scratch
        return scratch

    def _prepare(self, block: Block, slot: Slot, preparation: Preparation, scratch: Scratch) -> None:
        attention = self._attention[block.first : block.last]
        if preparation.denoising is None:
            rows = self._frame[block.first : block.last]
            self._kernels.curves.unpack(rows, preparation.offset, slot.levels, slot.index, attention)
            return
        luma, fresh = scratch.luma[: len(attention) + 4], scratch.fresh[:0]
        if preparation.recall is None:
            self._kernels.luminance.see(self._frame, block.first, luma)
        else:
            fresh = scratch.fresh[: len(attention)]
            seen = (luma, fresh, scratch.lines)
            self._kernels.luminance.follow(self._frame, block.first, preparation.recall, *seen)
        lines = (luma, fresh, scratch.planes)
        block_memory = (slot.levels, slot.index, attention)
        self._kernels.denoise.clean(self._frame, block.first, preparation.denoising, *lines, *block_memory)

    def _enhance(self, block: Block, slot: Slot, scratch: Scratch) -> None:
        below, out = self._where.below[block.first : block.last], self._out[block.first : block.last]
        tables = (scratch.table, scratch.wide, below, self._where.right, scratch.found)
        self._kernels.curves.enhance(slot.levels, slot.index, *tables, out)
