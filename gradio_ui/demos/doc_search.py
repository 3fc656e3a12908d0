"""Full-text search (BM25) over Markdown pages, one document per `##` section."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bm25s  # type: ignore[import-untyped]
import Stemmer  # type: ignore[import-not-found]

# A section must cover this share of the question's words, weighted by how telling each is.
# Below it the "best" section is only the least bad one, and saying nothing is more honest.
MIN_COVERAGE = 0.5

# Example code is shown but not searched: its texts and names are accidental.
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

# Links between pages lead nowhere outside the documentation; their text stays.
LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\.md(?:#[^)\s]*)?\)")

# "log out", "logout", "signed out" and "signing out" mean the same, and not "sign in".
SIGN_IN_OR_OUT = re.compile(r"\b(?:sign|log)(?:g?ed|g?ing)?[ -]?(in|out)s?\b", re.IGNORECASE)

# Words of questions, on top of the stop words, that say nothing about the subject.
QUESTION_WORDS = {
    "could",
    "done",
    "get",
    "happens",
    "may",
    "need",
    "please",
    "tell",
    "want",
    "would",
}


@dataclass(frozen=True, slots=True)
class Section:
    page: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A section with its BM25 `score` and the share of the question it covers, 0 to 1."""

    section: Section
    score: float
    coverage: float


def read_sections(folder: Path) -> list[Section]:
    """The `##` sections of all `*.md` files in the folder and below, in order of path."""
    sections = []
    for path in sorted(folder.rglob("*.md")):
        sections += split_page(path.read_text(encoding="utf-8"))
    return sections


def split_page(markdown: str) -> list[Section]:
    """Headings inside fenced code are not headings."""
    page, title, fenced = "", "", False
    lines: list[str] = []
    sections: list[Section] = []

    def close() -> None:
        text = LINK.sub(r"\1", "\n".join(lines)).strip()
        if title and text:
            sections.append(Section(page, title, text))

    for line in markdown.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("# "):
            page = line[2:].strip()
        elif not fenced and line.startswith("## "):
            close()
            title, lines = line[3:].strip(), []
        else:
            lines.append(line)
    close()
    return sections


class DocSearch:
    def __init__(self, sections: list[Section]) -> None:
        self.sections = sections
        self._stemmer = Stemmer.Stemmer("english")
        # The title says what a section is about, so its words count twice, its page's once.
        documents = [
            self._words(f"{s.page} {s.title} {s.title} {CODE_BLOCK.sub('', s.text)}")
            for s in sections
        ]
        self._word_sets = [set(words) for words in documents]
        found_in = Counter(word for words in self._word_sets for word in words)
        self._weight = {
            word: math.log(1 + len(sections) / count) for word, count in found_in.items()
        }
        self._unknown_weight = math.log(1 + len(sections))
        self._index = bm25s.BM25()
        self._index.index(documents, show_progress=False)

    def search(self, question: str, limit: int = 3) -> list[Hit]:
        """The best sections, best first; empty when nothing really fits."""
        words = self._words(question)
        if not words or not self._weight.keys() & set(words):
            return []
        found, scores = self._index.retrieve(
            [words], k=min(limit, len(self.sections)), show_progress=False
        )
        hits = [
            Hit(self.sections[number], float(score), self._coverage(words, number))
            for number, score in zip(found[0], scores[0], strict=True)
        ]
        return [hit for hit in hits if hit.coverage >= MIN_COVERAGE]

    def _coverage(self, words: list[str], number: int) -> float:
        weights = {word: self._weight.get(word, self._unknown_weight) for word in words}
        covered = sum(w for word, w in weights.items() if word in self._word_sets[number])
        return covered / sum(weights.values())

    def _words(self, text: str) -> list[str]:
        words = bm25s.tokenize(
            _normal(text), stopwords="en_plus", return_ids=False, show_progress=False
        )[0]
        return list(self._stemmer.stemWords([w for w in words if w not in QUESTION_WORDS]))


def _normal(text: str) -> str:
    """`DATABASE_URL` is found by "database url", and `UserState` by "user state"."""
    text = SIGN_IN_OR_OUT.sub(r"sign\1", text)
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text)
    return f"{parts} {' '.join(re.findall(r'[A-Za-z]+[_A-Z][A-Za-z_]+', text))}"


@cache
def search_folder(folder: Path) -> DocSearch:
    """One index per process; the pages do not change while a server runs."""
    return DocSearch(read_sections(folder))
