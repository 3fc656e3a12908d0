"""Answers a question by quoting the product's documentation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from .doc_search import DocSearch, Hit

QUOTED = 2
# Shares of the best section's score: from here on another one is quoted, or mentioned.
QUOTE_FROM = 0.75
MENTION_FROM = 0.55

FOLLOW_UP = re.compile(
    r"^(and|but|so|then|what about|how about)\b|\b(it|its|that|this|they|them|those)\b", re.I
)

NOTHING_FITS = _(
    "I found nothing about that in the documentation of this product, and I know nothing else. "
    "Try other words, or ask about signing in, sessions, writing apps, roles or operations."
)


def answer(search: DocSearch, question: str, previous: str = "") -> str:
    """Markdown that quotes the best sections. `previous` is the question before this one:
    "and how do I end it?" is about what that was about."""
    hits = search.search(question)
    if previous and (not hits or FOLLOW_UP.search(question)):
        hits = search.search(f"{previous} {question}") or hits
    if not hits:
        return gettext(NOTHING_FITS)
    best = hits[0].score
    quoted = [hit for hit in hits[:QUOTED] if hit.score >= QUOTE_FROM * best]
    parts = [quote(hit) for hit in quoted]
    others = [
        f"{hit.section.title} ({hit.section.page})"
        for hit in hits[len(quoted) :]
        if hit.score >= MENTION_FROM * best
    ]
    if others:
        parts.append(gettext("See also: %(sections)s.") % {"sections": "; ".join(others)})
    return "\n\n".join(parts)


def quote(hit: Hit) -> str:
    text = "\n".join(f"> {line}".rstrip() for line in hit.section.text.splitlines())
    return f"**{hit.section.title}** · {hit.section.page}\n\n{text}"


async def by_words(text: str, words: int = 4, seconds: float = 0.02) -> AsyncIterator[str]:
    """The text in pieces of some words, at the pace of a fast reader."""
    pieces = re.findall(r"\S+\s*", text)
    for start in range(0, len(pieces), words):
        yield "".join(pieces[start : start + words])
        await asyncio.sleep(seconds)
