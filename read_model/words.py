"""How words are compared when texts are searched: whatever their case and their composition.

Done here, because the server folds and splits what is not ASCII by the locale of its database.
"""

from __future__ import annotations

import re
from unicodedata import normalize

_SIGNS = re.compile(r"[^\w\s\x00-\x7f]")
"""Of punctuation the server is sure to know only that of ASCII."""


def folded(text: str) -> str:
    """The text as it is searched, and as it is searched for; it may be longer."""
    if text.isascii():
        return text.lower()
    return _SIGNS.sub(" ", normalize("NFKC", text).casefold())
