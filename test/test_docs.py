"""What the documentation says of commands, parameters, topics and files is what the code has."""

import json
import re
import shlex
from functools import lru_cache
from string import Template

import pytest
import typer
import yaml
from reference import TOPICS, document, launch_arguments
from support.documents import PAGES, ROOT, blocks

from illumigan_ros.commands import play_bag
from illumigan_ros.commands.command_line import split_ros_args
from illumigan_ros.commands.main import app
from illumigan_ros.detection.settings import SETTINGS as DETECTING
from illumigan_ros.node.setting import markdown_table
from illumigan_ros.node.settings import SETTINGS as ENHANCING

SHELL = blocks("sh")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\((?!\w+:|#)([^()\s#]+)")
CARDS = sorted((ROOT / "illumigan_model" / "weights").rglob("*.md"))
DETECTORS = (ROOT / "docs" / "detectors.md").read_text()
COMMANDS = typer.main.get_command(app).commands
PARAMETERS = {setting.name: setting for setting in (*DETECTING, *ENHANCING)}
EXECUTABLES = {path.name for path in (ROOT / "illumigan_ros" / "executables").iterdir()}
OF_OTHERS_TOO = (
    "CONTRIBUTING.md",
    "detectors.md",
    "evaluation.md",
    "fleet.md",
    "inputs.md",
    "ros_distributions.md",
    "training_on_machines.md",
)
"""Pages that name things of others as well."""


def by_place(block):
    return block.place


def calls(line):
    """Yield the commands of a line of shell, each as a list of words; variables stay as they are."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if set(word) <= set(";&|()"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def calls_of(*beginning):
    """Return (place, words) of each call in a block that begins with these words, less these."""
    found = []
    for block in SHELL:
        variables = dict(re.findall(r'^(\w+)="([^"\n]*)"$', block.text, re.MULTILINE))
        for line in block.lines():
            for call in calls(Template(line).safe_substitute(variables)):
                words = call[call.index("illumigan") :] if call[:1] in (["srun"], ["torchrun"]) else call
                if tuple(words[: len(beginning)]) == beginning:
                    found.append((block.place, words[len(beginning) :]))
    assert found
    return found


def spans():
    """Return (page, code) of whatever stands in the text as code."""
    found = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        found += [(page.name, span) for span in SPAN.findall(text)]
    return found


@lru_cache
def sources():
    """Return the words of the code and of what configures it."""
    folders = ("illumigan_model", "illumigan_ros", "training", "config", "launch", "docker")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml", ".xml")
    ]
    files += [*(ROOT / "docker").iterdir(), *(ROOT / "test").rglob("*.py"), *(ROOT / "docs").glob("*.xml")]
    files += [ROOT / name for name in ("Makefile", "setup.py", "package.xml")]
    return {word for path in files for word in re.findall(r"[\w-]+", path.read_text())}


def test_the_reference_is_made_of_the_tables_of_the_code():
    written = (ROOT / "docs" / "reference.md").read_text()
    assert written == document(), "run: cd test && python -m reference"


def test_the_page_of_detectors_has_the_tables_of_the_code():
    assert markdown_table(DETECTING) in DETECTORS
    for name, _, description in launch_arguments("night_detection"):
        assert re.search(rf"^\| `{name}` \|.*\| {re.escape(description)} \|$", DETECTORS, re.MULTILINE), name


def test_the_layouts_for_foxglove_and_rviz_show_topics_that_are_in_the_reference():
    foxglove, rviz = ((ROOT / "config" / name).read_text() for name in ("foxglove.json", "enhance.rviz"))
    shown = set(re.findall(r'"(/[\w/]+)(?:\.data)?"', foxglove))
    shown |= {display["Topic"]["Value"] for display in yaml.safe_load(rviz)["Visualization Manager"]["Displays"]}
    assert len(shown) == 6
    assert shown <= {f"/{topic.name.replace('~', 'enhance').lstrip('/')}" for topic in TOPICS}
    placed = re.findall(r'"(?:first|second)": "([^"]+)"', foxglove)
    assert sorted(placed) == sorted(json.loads(foxglove)["configById"])


@pytest.mark.parametrize("block", [one for one in blocks("sh", "python") if not one.is_run], ids=by_place)
def test_a_block_that_is_not_run_says_what_it_needs_or_where_it_is_tested(block):
    needs, tested = re.fullmatch(r"needs (.+)|tested in (.+)", block.note).groups()
    if tested:
        tests = [ROOT / place for place in tested.split(", ")]
        text = "\n".join(
            file.read_text() for place in tests for file in ([place] if place.is_file() else place.glob("*.py"))
        )
        for name in re.findall(r"^(?:illumigan|make) ([\w-]+)", block.text, re.MULTILINE):
            assert name in text or name.replace("-", "_") in text, f"{block.place}: {name}"
    assert needs or tested


@pytest.mark.parametrize(("place", "words"), calls_of("illumigan"))
def test_a_command_in_a_block_has_the_options_that_it_is_given(place, words):
    assert words[0] in COMMANDS, place
    COMMANDS[words[0]].make_context(words[0], split_ros_args(words[1:])[0])


def test_the_job_for_kubernetes_runs_a_command_that_is_there():
    job = yaml.safe_load((ROOT / "docker" / "fleet_rayjob.yaml").read_text())["spec"]
    program, name, *arguments = shlex.split(job["entrypoint"])
    assert program == "illumigan"
    COMMANDS[name].make_context(name, arguments)
    version = job["rayClusterSpec"]["rayVersion"]
    assert f"ray[default]=={version}" in (ROOT / "docker" / "fleet.Dockerfile").read_text()


def test_a_command_in_the_text_is_there_with_its_options():
    for page, span in spans():
        words = span.split()
        if words[0] == "illumigan" and len(words) > 1:
            assert words[1] in COMMANDS, f"{page}: {span}"
        if words[0] == "make" and len(words) > 1:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{page}: {span}"


def test_a_launch_file_in_a_block_has_the_arguments_that_it_is_given():
    for place, (file, *arguments) in calls_of("ros2", "launch", "illumigan"):
        launched = (ROOT / "launch" / file).read_text()
        for argument in arguments:
            assert argument.startswith("-") or f'"{argument.partition(":=")[0]}"' in launched, f"{place}: {argument}"


def test_an_executable_in_a_block_is_there_with_its_options_and_parameters():
    playing = typer.Typer(add_completion=False)
    playing.command()(play_bag.command)
    for place, (name, *arguments) in calls_of("ros2", "run", "illumigan"):
        assert name in EXECUTABLES, f"{place}: {name}"
        own, ros = split_ros_args(arguments)
        if name == "play_bag":
            typer.main.get_command(playing).make_context(name, own)
        for value in (word for word in ros if ":=" in word and ros[ros.index(word) - 1] == "-p"):
            assert_allowed(place, *value.split(":="))


def test_a_parameter_that_is_set_in_a_block_may_have_that_value():
    for place, (_, name, value) in calls_of("ros2", "param", "set"):
        assert_allowed(place, name.rpartition(".")[2], value)
    for block in blocks("yaml"):
        for node in yaml.safe_load(block.text).values() if "ros__parameters" in block.text else ():
            for name, value in node["ros__parameters"].items():
                for setting, chosen in value.items() if isinstance(value, dict) else [(name, value)]:
                    assert_allowed(block.place, setting, chosen)


def test_a_setting_of_a_training_in_a_block_is_one_of_a_config():
    config = yaml.safe_load((ROOT / "config" / "train_curve_grid.yaml").read_text())
    for block in blocks("yaml"):
        assert "ros__parameters" in block.text or set(yaml.safe_load(block.text)) <= set(config), block.place


def assert_allowed(place, name, value):
    value = yaml.safe_load(value) if isinstance(value, str) else value
    assert name in PARAMETERS, f"{place}: {name}"
    assert PARAMETERS[name].complaint(value) is None, f"{place}: {name} {value}"


def test_a_name_in_the_text_is_in_the_code():
    name = re.compile(r"(?<![\w./-])(?:--)?[a-z]\w*(?:[_-]\w+)+(?![\w./-])")
    words = {(page, word) for page, span in spans() for word in name.findall(span) if page not in OF_OTHERS_TOO}
    assert not [(page, word) for page, word in words if not {word, word.lstrip("-").replace("-", "_")} & sources()]


def test_a_topic_in_the_text_or_in_a_block_is_one_of_the_nodes():
    known = {topic.name for topic in TOPICS}
    known |= {f"enhanced/{topic}" for topic in ("detections", "detections/image", "detections/image/compressed")}
    firsts = {name.split("/")[0] for name in known if "/" in name.strip("/~")} - {"~", ""}
    for page, span in [*spans(), *((block.place, block.text) for block in SHELL)]:
        for word in re.findall(r"(?<![\w~.])[~/\w]+/\w+", span):
            parts = word.split("/")
            if (first := next((part for part in parts if part in firsts), None)) and word not in known:
                assert "/".join(parts[parts.index(first) :]) in known, f"{page}: {span}"


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_points_to_is_there(page):
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).is_file(), target
