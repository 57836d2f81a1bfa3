"""The GPU check, which runs on a processor by the same code: what it finds, what it catches, what it writes."""

import copy
import dataclasses
import io
import sys
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("safetensors", reason="needs safetensors")

from torch import Tensor  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from illumigan_model.export.export import Core, Full  # noqa: E402
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig  # noqa: E402
from illumigan_model.generators.checkpoint import load_checkpoint  # noqa: E402
from illumigan_model.generators.curve_grid import CurveGrid  # noqa: E402
from illumigan_model.runtimes.select import has_gpu  # noqa: E402
from illumigan_model.weights import find_weights  # noqa: E402
from illumigan_ros.commands.main import main  # noqa: E402
from illumigan_ros.measure import gpu_check, gpu_variants  # noqa: E402
from illumigan_ros.measure.gpu_check import Wish, batches_of, check, fault, night_frames  # noqa: E402
from illumigan_ros.measure.gpu_check_report import EXPLANATION, NOT_YET, section, show, with_section, write  # noqa: E402
from illumigan_ros.measure.gpu_variants import EAGER_FP16, EAGER_FP32, GRAPH_FP16, measure  # noqa: E402

CPU = torch.device("cpu")
SIZE = (64, 48)
PICTURES = 3
DOCUMENT = Path(__file__).parents[3] / "docs" / "performance.md"


@pytest.fixture(scope="module", autouse=True)
def quick():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_variants, "COPIED_BYTES", 1 << 20)
        patch.setattr(gpu_variants, "COPY_SECONDS", 0.01)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def grid() -> CurveGrid:
    return load_checkpoint(find_weights("curve_grid", (".safetensors",)))


@pytest.fixture(scope="module")
def pictures():
    return night_frames(SIZE)[:PICTURES]


@pytest.fixture(scope="module")
def measured(pictures):
    """Call with a generator: what `measure` finds here."""

    def work(generator, model="curve_grid", graph="full"):
        return measure(model, generator, graph, batches_of(pictures, model, graph), 1e9, 0.01, CPU)

    return work


@pytest.fixture(scope="module")
def outcome(grid):
    """What the check finds here, in the shipped CurveGrid."""
    return check(Wish([SIZE], 0.01), CPU, {"curve_grid": grid})


def disguised(grid: CurveGrid, kind: type[CurveGrid]) -> CurveGrid:
    """The same weights in another class."""
    made = kind(grid.config)
    made.load_state_dict(grid.state_dict())
    return made.eval()


def illumigan(*arguments, code):
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(errors):
        patch.setattr(sys, "argv", ["illumigan", "gpu-check", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
    assert ending.value.code == code
    told = [line for line in errors.getvalue().splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    return told[0]


def test_eight_different_dark_pictures_are_looked_at():
    frames = night_frames(SIZE)
    assert len(frames) == 8 == len({frame.tobytes() for frame in frames})
    assert all(frame.shape == (48, 64, 3) and 0 < frame.mean() < 90 and frame.std() > 2 for frame in frames)
    assert [frame.tobytes() for frame in night_frames(SIZE)] == [frame.tobytes() for frame in frames]


def test_every_way_that_a_processor_has_is_measured_and_right(outcome):
    ways = [(one.graph, one.size, one.variant) for one in outcome.measured]
    assert ways[:2] == [("full", "64x48", EAGER_FP32), ("full", "64x48", EAGER_FP16)]
    assert [(graph, variant) for graph, _, variant in ways[2:]] == [("core", EAGER_FP32), ("core", EAGER_FP16)]
    for one in outcome.measured:
        assert 0 < one.p50 <= one.p95
        assert 0 < one.share < 1
        assert one.is_right
    assert [one.faster for one in outcome.measured if one.variant == EAGER_FP32] == [1, 1]
    assert fault(outcome.measured) is None


def test_runtimes_that_open_are_timed_and_the_others_say_why_not(outcome):
    assert [run.how for run in outcome.runs] == ["torch (CPU, fp32)", "onnxruntime (CPU, fp32)"]
    assert all(0 < run.p50 <= run.p95 for run in outcome.runs)
    (refusal,) = [note for note in outcome.notes if "tensorrt" in note]
    assert refusal.startswith("curve_grid: tensorrt: ") and refusal.endswith(".")
    assert {note.split(": ")[1] for note in outcome.notes if "runs on the CPU" in note} == {"torch", "onnxruntime"}


@pytest.mark.parametrize("graph", gpu_check.GRAPHS)
def test_an_attention_unet_is_measured_in_both_precisions(graph, measured):
    torch.manual_seed(0)
    found, complaints = measured(AttentionUNet(AttentionUNetConfig(width=4)).eval(), "attention_unet", graph)
    assert not complaints
    assert [(one.size, one.variant) for one in found] == [("64x48", EAGER_FP32), ("64x48", EAGER_FP16)]
    assert all(one.worst <= gpu_variants.LEVELS[one.variant] for one in found)
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


def test_answers_that_are_no_numbers_are_caught(outcome):
    assert "by nan" in fault([dataclasses.replace(outcome.measured[0], worst=float("nan"))])


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

    found = check(Wish([SIZE], 0.01), CPU, {"broken": disguised(grid, Broken)})
    assert {one.graph for one in found.measured} == {"core"} and not found.runs
    assert "broken, full, 64x48: PyTorch fails: no kernel image is available." in found.notes
    assert fault(found.measured).startswith("PyTorch takes no frame through a generator")


@pytest.mark.parametrize("graph", ["full", "core"])
@pytest.mark.parametrize("architecture", gpu_check.MODELS)
def test_nothing_on_a_frames_way_comes_from_the_processors_memory(architecture, graph, grid, pictures):
    """A CUDA graph cannot capture that, nor a look at a number; on the meta device there are none to look at."""
    devices = Counter()

    class Places(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), settings=None):
            answer = function(*arguments, **(settings or {}))
            devices.update(part.device.type for part in tree_leaves([arguments, answer]) if isinstance(part, Tensor))
            return answer

    generator = grid if architecture == "curve_grid" else AttentionUNet(AttentionUNetConfig(width=2)).eval()
    generator = copy.deepcopy(generator).to("meta")
    module = Full(generator) if graph == "full" else Core(generator)
    batch = batches_of(pictures, architecture, graph)[0].to("meta")
    with torch.inference_mode(), Places():
        module(batch)
    assert devices["meta"] > 50 and set(devices) == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_there_is_a_cuda_graph_too(grid):
    found = check(Wish([SIZE], 0.05), torch.device("cuda"), {"curve_grid": grid})
    assert {one.variant for one in found.measured} == {EAGER_FP32, EAGER_FP16, GRAPH_FP16}
    assert all(one.memory > 0 for one in found.measured)
    assert fault(found.measured) is None


def test_a_section_is_replaced_by_the_same_machines_and_joined_by_anothers(outcome, tmp_path):
    file = tmp_path / "performance.md"
    file.write_text(DOCUMENT.read_text() + "\n## Afterwards\n\nThe end.\n")
    again = dataclasses.replace(outcome, facts={**outcome.facts, "PyTorch": "9.9"})
    for one in (outcome, dataclasses.replace(outcome, machine="Orin, of somebody (else)"), again):
        write(one, file)
    text = file.read_text()
    assert text.count(f"### {outcome.machine}\n") == text.count("### Orin, of somebody (else)\n") == 1
    assert f"PyTorch {outcome.facts['PyTorch']}" in text.partition("### Orin")[2]
    assert "PyTorch 9.9" in text.partition("### Orin")[0]
    assert NOT_YET not in text
    untouched = DOCUMENT.read_text().partition(NOT_YET)[0].rstrip()
    assert text.startswith(untouched + "\n\n### ") and text.endswith("\n\n## Afterwards\n\nThe end.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["performance.md"]


def test_a_section_has_every_figure_and_every_refusal_and_so_has_the_terminal(outcome, capsys):
    text = section(outcome)
    assert EXPLANATION in text
    rows = [line for line in text.splitlines() if line.startswith("| curve_grid ")]
    assert len(rows) == len(outcome.measured) + len(outcome.runs)
    assert all(f"- {note}\n" in text for note in outcome.notes)
    show(outcome)
    printed = " ".join(capsys.readouterr().out.split())
    assert all(note in printed for note in outcome.notes)
    assert printed.count(EAGER_FP16) == 2


def test_a_new_file_gets_a_heading_for_its_first_section(outcome, tmp_path):
    write(outcome, tmp_path / "new.md")
    assert (tmp_path / "new.md").read_text().startswith(f"# Performance\n\n## GPU\n\n### {outcome.machine}\n\n")
    assert with_section("# Mine\n", "### A\n\nfigures\n") == "# Mine\n\n## GPU\n\n### A\n\nfigures\n"


@pytest.mark.skipif(has_gpu(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = illumigan("--out", "performance.md", code=1)
    assert told == "error: There is no NVIDIA GPU on this machine, or no driver for it; nothing was measured."
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        (("--size", "640"), "--size must look like 1280x720"),
        (("--seconds", "0"), "--seconds must be a number above 0"),
        (("--out", "no_such_folder/performance.md"), "no_such_folder/performance.md cannot be written"),
        (("--out", "."), ". cannot be written"),
    ],
)
def test_a_bad_option_is_told_in_one_sentence_before_anything_is_measured(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert sentence in illumigan(*arguments, code=2)
    assert not list(tmp_path.iterdir())
