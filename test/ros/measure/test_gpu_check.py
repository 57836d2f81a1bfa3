"""The GPU check, which runs on a processor by the same code: what it finds, what it catches, what it writes."""

import copy
import dataclasses
from collections import Counter

import pytest

torch = pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("safetensors", reason="needs safetensors")

from support.commands import error  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig  # noqa: E402
from illumigan_model.generators.checkpoint import load_checkpoint  # noqa: E402
from illumigan_model.generators.curve_grid import CurveGrid  # noqa: E402
from illumigan_model.generators.scopes import Core, Full  # noqa: E402
from illumigan_model.system.machine import has_gpu  # noqa: E402
from illumigan_model.weights import find_weights  # noqa: E402
from illumigan_ros.commands.gpu_check import show  # noqa: E402
from illumigan_ros.measure import gpu_check, gpu_variants  # noqa: E402
from illumigan_ros.measure.gpu_check import batches_of, check, fault, night_frames  # noqa: E402
from illumigan_ros.measure.gpu_check_report import EXPLANATION, document, write  # noqa: E402
from illumigan_ros.measure.gpu_check_result import CUDA_GRAPH_FP16, EAGER_FP16, EAGER_FP32, LEVELS  # noqa: E402
from illumigan_ros.measure.gpu_variants import measure  # noqa: E402

CPU = torch.device("cpu")
SIZE = (64, 48)
PICTURES = 3


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_variants, "COPIED_BYTES", 1 << 20)
        patch.setattr(gpu_variants, "COPY_SECONDS", 0.01)
        yield


@pytest.fixture(scope="module")
def grid() -> CurveGrid:
    return load_checkpoint(find_weights("curve_grid", (".safetensors",)))


@pytest.fixture(scope="module")
def pictures():
    return night_frames(SIZE)[:PICTURES]


@pytest.fixture(scope="module")
def measured(pictures):
    """Call with a generator: what `measure` finds here."""

    def work(generator, model="curve_grid", scope="full"):
        return measure(model, generator, scope, batches_of(pictures, model, scope), 1e9, 0.01, CPU)

    return work


@pytest.fixture(scope="module")
def result(grid):
    """What the check finds here, in the shipped CurveGrid."""
    return check([SIZE], 0.01, CPU, {"curve_grid": grid})


def disguised(grid: CurveGrid, kind: type[CurveGrid]) -> CurveGrid:
    """The same weights in another class."""
    made = kind(grid.config)
    made.load_state_dict(grid.state_dict())
    return made.eval()


def test_eight_different_dark_pictures_are_looked_at():
    frames = night_frames(SIZE)
    assert len(frames) == 8 == len({frame.tobytes() for frame in frames})
    assert all(frame.shape == (48, 64, 3) and 0 < frame.mean() < 90 and frame.std() > 2 for frame in frames)
    assert [frame.tobytes() for frame in night_frames(SIZE)] == [frame.tobytes() for frame in frames]


def test_every_way_that_a_processor_has_is_measured_and_right(result):
    ways = [(one.scope, one.size, one.variant) for one in result.variants]
    assert ways[:2] == [("full", "64x48", EAGER_FP32), ("full", "64x48", EAGER_FP16)]
    assert [(scope, variant) for scope, _, variant in ways[2:]] == [("core", EAGER_FP32), ("core", EAGER_FP16)]
    for one in result.variants:
        assert 0 < one.p50 <= one.p95
        assert 0 < one.share < 1
        assert one.is_right
    assert [one.faster for one in result.variants if one.variant == EAGER_FP32] == [1, 1]
    assert fault(result.variants) is None


def test_runtimes_that_open_are_timed_and_the_others_say_why_not(result):
    assert [run.how for run in result.runtimes] == ["torch (CPU, fp32)", "onnxruntime (CPU, fp32)"]
    assert all(0 < run.p50 <= run.p95 for run in result.runtimes)
    (refusal,) = [note for note in result.notes if "tensorrt" in note]
    assert refusal.startswith("curve_grid: tensorrt: ") and refusal.endswith(".")
    assert {note.split(": ")[1] for note in result.notes if "runs on the CPU" in note} == {"torch", "onnxruntime"}


@pytest.mark.parametrize("scope", gpu_check.SCOPES)
def test_an_attention_unet_is_measured_in_both_precisions(scope, measured):
    torch.manual_seed(0)
    found, complaints = measured(AttentionUNet(AttentionUNetConfig(width=4)).eval(), "attention_unet", scope)
    assert not complaints
    assert [(one.size, one.variant) for one in found] == [("64x48", EAGER_FP32), ("64x48", EAGER_FP16)]
    assert all(one.worst <= LEVELS[one.variant] for one in found)
    assert found[0].worst < found[1].worst


def test_a_generator_that_errs_in_half_precision_is_caught(grid, measured):
    class Overflowing(CurveGrid):
        def forward(self, image):
            enhanced, dark = super().forward(image)
            return (enhanced * float("inf") if image.dtype == torch.float16 else enhanced), dark

    found, _ = measured(disguised(grid, Overflowing))
    assert [one.is_right for one in found] == [True, False]
    assert fault(found).startswith("Answers are off by too many levels of 255: curve_grid at 64x48 in eager fp16 by ")


def test_a_generator_that_does_not_answer_on_the_device_as_on_the_cpu_is_caught(grid, measured):
    class Forgetful(CurveGrid):
        frames = 0

        def forward(self, image):
            self.frames += 1
            enhanced, dark = super().forward(image)
            return enhanced + 0.01 * (self.frames > PICTURES), dark  # the first answers are those of the CPU

    found, _ = measured(disguised(grid, Forgetful))
    assert not found[0].is_right
    assert "curve_grid at 64x48 in eager fp32 by " in fault(found)


def test_answers_that_are_no_numbers_are_caught(result):
    assert "by nan" in fault([dataclasses.replace(result.variants[0], worst=float("nan"))])


def test_where_memory_runs_out_the_next_way_is_tried(grid, measured):
    class Greedy(CurveGrid):
        def forward(self, image):
            if image.dtype == torch.float32 and self.frames >= PICTURES:
                torch.empty(1 << 60, dtype=torch.uint8)
            self.frames += 1
            return super().forward(image)

    greedy = disguised(grid, Greedy)
    greedy.frames = 0
    found, complaints = measured(greedy)
    assert complaints == ["curve_grid, full, 64x48, eager fp32: it takes more memory than there is."]
    assert [(one.variant, one.faster) for one in found] == [(EAGER_FP16, None)]


def test_a_device_that_no_frame_gets_through_is_a_fault(grid):
    class Broken(CurveGrid):
        def forward(self, image):
            raise RuntimeError("no kernel image is available\nfor this device")

    found = check([SIZE], 0.01, CPU, {"broken": disguised(grid, Broken)})
    assert {one.scope for one in found.variants} == {"core"} and not found.runtimes
    assert "broken, full, 64x48: PyTorch fails: no kernel image is available." in found.notes
    assert fault(found.variants).startswith("PyTorch takes no frame through a generator")


@pytest.mark.parametrize("scope", ["full", "core"])
@pytest.mark.parametrize("architecture", gpu_check.MODELS)
def test_nothing_on_a_frames_way_comes_from_the_processors_memory(architecture, scope, grid, pictures):
    """A CUDA graph cannot capture that, nor a look at a number; on the meta device there are none to look at."""
    devices = Counter()

    class Places(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), settings=None):
            answer = function(*arguments, **(settings or {}))
            devices.update(part.device.type for part in tree_leaves([arguments, answer]) if isinstance(part, Tensor))
            return answer

    generator = grid if architecture == "curve_grid" else AttentionUNet(AttentionUNetConfig(width=2)).eval()
    generator = copy.deepcopy(generator).to("meta")
    module = Full(generator) if scope == "full" else Core(generator)
    batch = batches_of(pictures, architecture, scope)[0].to("meta")
    with torch.inference_mode(), Places():
        module(batch)
    assert devices["meta"] > 50 and set(devices) == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_there_is_a_cuda_graph_too(grid):
    found = check([SIZE], 0.05, torch.device("cuda"), {"curve_grid": grid})
    assert {one.variant for one in found.variants} == {EAGER_FP32, EAGER_FP16, CUDA_GRAPH_FP16}
    assert all(one.memory > 0 for one in found.variants)
    assert fault(found.variants) is None


def test_each_machine_has_a_file_which_its_next_check_replaces(result, tmp_path):
    again = dataclasses.replace(result, facts={**result.facts, "PyTorch": "9.9"})
    files = [write(one, tmp_path) for one in (result, dataclasses.replace(result, machine="Orin (else)/1"), again)]
    assert files[0] == files[2] and sorted(tmp_path.iterdir()) == sorted(files[:2])
    assert files[1].name == "orin_else_1.md" and files[1].read_text().startswith("# Orin (else)/1\n")
    assert "PyTorch 9.9" in files[0].read_text() and "PyTorch 9.9" not in files[1].read_text()


def test_the_file_has_every_figure_and_every_refusal_and_so_has_the_terminal(result, capsys):
    text = document(result)
    assert EXPLANATION in text
    rows = [line for line in text.splitlines() if line.startswith("| curve_grid ")]
    assert len(rows) == len(result.variants) + len(result.runtimes)
    assert all(f"- {note}\n" in text for note in result.notes)
    show(result)
    printed = " ".join(capsys.readouterr().out.split())
    assert all(note in printed for note in result.notes)
    assert printed.count(EAGER_FP16) == 2


@pytest.mark.skipif(has_gpu(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    complaint = error("gpu-check", "--out", ".", code=1)
    assert complaint == "error: There is no NVIDIA GPU on this machine, or no driver for it; nothing was measured."
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        (("--size", "640"), "--size must look like 1280x720"),
        (("--seconds", "0"), "--seconds must be a number above 0"),
        (("--out", "no_such_folder"), "no_such_folder is no folder to write to"),
    ],
)
def test_a_bad_option_is_told_in_one_sentence_before_anything_is_measured(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert sentence in error("gpu-check", *arguments)
    assert not list(tmp_path.iterdir())
