from pathlib import Path

from inputs import document

(Path(__file__).parents[2] / "docs" / "inputs.md").write_text(document())
