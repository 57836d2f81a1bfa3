"""What is said of the machine, by what Linux says of it."""

from illumigan_model.system import machine


def test_a_jetson_is_known_by_its_board_and_its_release(tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"NVIDIA Jetson AGX Orin\0")
    (tmp_path / "release").write_text("# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic\n")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    for name, file in (("BOARD", "model"), ("L4T", "release"), ("PROCESSORS", "cpuinfo")):
        monkeypatch.setattr(machine, name, tmp_path / file)
    assert machine.board_name() == "NVIDIA Jetson AGX Orin"
    assert machine.l4t_release() == "R36.4.0"
    assert machine.computes_in_bfloat16()
    assert machine.processor_name()  # its architecture, as the processor has no name


def test_another_machine_is_known_by_its_processor(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("model name\t: AMD EPYC\nflags\t: fpu sse avx2\nmodel name\t: AMD EPYC\n")
    monkeypatch.setattr(machine, "PROCESSORS", tmp_path / "cpuinfo")
    for name in ("BOARD", "L4T"):
        monkeypatch.setattr(machine, name, tmp_path / "nowhere")
    assert (machine.processor_name(), machine.board_name(), machine.l4t_release()) == ("AMD EPYC", "", None)
    assert not machine.computes_in_bfloat16()
    assert machine.cores() >= 1
