"""The code blocks of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Example
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from tests.servers import BASE_DIR

PAGES = [BASE_DIR / "README.md", *sorted((BASE_DIR / "docs").rglob("*.md"))]
TUTORIAL = BASE_DIR / "docs/tutorial/launch-to-production.md"

_lexer = FencedCodeBlockLexer(
    language=r"[^\n]+", mapping={"language": "language", "source": "source"}
)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
# The first line of a block that is a file.
_FILE = re.compile(r"# ([\w./-]+\.\w+|\.env)\n")
# The line before a block that no test can run.
_NOT_RUN = re.compile(r"\*Not run by the tests: (.+)\*\n+\Z")


@dataclass(frozen=True)
class Block:
    page: Path
    section: str
    line: int
    language: str
    source: str
    not_run: str

    @property
    def file(self) -> str:
        """Where a reader puts it; empty for code that is no file."""
        found = _FILE.match(self.source)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(BASE_DIR)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    document = Document.parse(str(page), _lexer)
    return [_block(page, document, example) for example in document.examples()]


def _block(page: Path, document: Document, example: Example) -> Block:
    lexemes = example.region.lexemes
    before = document.text[: example.region.start]
    [*_, section] = ["", *_SECTION.findall(before)]
    excuse = _NOT_RUN.search(before)
    return Block(
        page,
        section,
        example.line,
        lexemes["language"],
        str(lexemes["source"]),
        excuse[1] if excuse else "",
    )


def every_block() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]
