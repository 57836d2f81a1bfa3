from pathlib import Path

from inputs import document


def test_the_document_of_what_is_read_says_what_the_tests_try():
    written = (Path(__file__).parents[1] / "docs" / "inputs.md").read_text()
    assert written == document(), "run: cd test && python -m inputs"
