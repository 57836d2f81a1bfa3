"""A hook of MkDocs: pages keep the links that work in the repository, and these work on the site as well.

The README is the front page. What lies outside docs/ and is linked to, such as a model card or a configuration, comes
along under its own path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urldefrag

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs/"
FRONT_PAGE, ITS_SOURCE = "index.md", "README.md"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^()\s]+)(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README, and whatever pages link to outside docs/, and what that links to."""
    known = {source_of(file.src_uri) for file in files} | {ITS_SOURCE}
    files.append(File.generated(config, FRONT_PAGE, abs_src_path=str(ROOT / ITS_SOURCE)))
    waiting = [source for source in known if source.endswith(".md")]
    while waiting:
        source = waiting.pop()
        for link in LINK.findall((ROOT / source).read_text()):
            target = target_of(source, link)
            if target in known or not (ROOT / target).is_file():
                continue
            known.add(target)
            files.append(File.generated(config, page_of(target), abs_src_path=str(ROOT / target)))
            if target.endswith(".md"):
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn the links of a page into those between pages."""
    source = source_of(page.file.src_uri)
    folder = PurePosixPath(page.file.src_uri).parent

    def turned(match: re.Match[str]) -> str:
        path, fragment = urldefrag(match[1])
        link = os.path.relpath(page_of(target_of(source, path)), folder)
        return f"{link}#{fragment}" if fragment else link

    return LINK.sub(turned, markdown)


def target_of(source: str, link: str) -> str:
    """Return which file of the repository a link leads to, from the file that it is in."""
    return os.path.normpath(PurePosixPath(source).parent / urldefrag(link)[0])


def page_of(source: str) -> str:
    """Return where a file of the repository is on the site."""
    return FRONT_PAGE if source == ITS_SOURCE else source.removeprefix(DOCS)


def source_of(page: str) -> str:
    """Return which file of the repository is at a place of the site."""
    if page == FRONT_PAGE:
        return ITS_SOURCE
    return f"{DOCS}{page}" if (ROOT / DOCS / page).exists() else page
