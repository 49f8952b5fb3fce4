"""What makes a password easy to guess, however long it is: it is common, or about its owner."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache

from write_model.kernel.common_passwords import WORDS, common_passwords, is_said_again, is_walked
from write_model.kernel.errors import Invalid

_LETTER_MEANT = str.maketrans("4@83!1|l05$7", "aabeiiiiosst")
"""l as i, too: both are written 1."""
_PRODUCT = "Tallystick"
_COMMON = (
    "Many people choose this password, so it is among the first to be guessed;"
    " choose another, such as four words that have nothing to do with each other."
)
_ABOUT = (
    "This password is made of your own, your organization's or the product's name;"
    " choose one that nobody guesses who knows these."
)


def must_be_hard_to_guess(password: str, *, field: str, about: Collection[str] = ()) -> None:
    """`about`: names and addresses that have to do with its owner.

    Raises: Invalid.
    """
    if _is_common(password):
        raise Invalid(_COMMON, field=field)
    if _is_made_of(password, frozenset(_parts((_PRODUCT, *about)))):
        raise Invalid(_ABOUT, field=field)


def _is_common(password: str) -> bool:
    text = _lowered(password)
    if is_said_again(text) or is_walked(text) or _is_palindrome(text):
        return True
    if _undisguised(text) in _undisguised_passwords():
        return True
    return any(_is_word(core) for core in _cores(text))


def _is_palindrome(text: str) -> bool:
    return text == text[::-1]


def _is_word(core: str) -> bool:
    half = core[: len(core) // 2]
    return core in _undisguised_words() or (half * 2 == core and half in _undisguised_words())


def _is_made_of(password: str, parts: frozenset[str]) -> bool:
    return any(core and not _without(core, parts) for core in _cores(_lowered(password)))


def _without(text: str, parts: frozenset[str]) -> str:
    for part in sorted(parts, key=lambda part: (-len(part), part)):
        text = text.replace(part, "")
    return text


def _parts(about: Iterable[str]) -> Iterator[str]:
    """Each whole, and in words; of an address the words before the @."""
    for name in about:
        text = _lowered(name)
        before = text.partition("@")[0]
        words = (_undisguised(word) for word in re.split(r"[\W_]+", before))
        # Of one or two letters nearly everything is made.
        yield from (part for part in (_joined(text), _joined(before), *words) if len(part) > 2)


def _cores(text: str) -> set[str]:
    """What remains without the digits and signs on both sides, or on one where they are letters."""
    left, right = re.sub(r"^[\W\d_]+", "", text), re.sub(r"[\W\d_]+$", "", text)
    both = re.sub(r"[\W\d_]+$", "", left)
    return {_joined(core) for core in (both, left, right)}


def _joined(text: str) -> str:
    return "".join(filter(str.isalnum, _undisguised(text)))


def _lowered(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(each for each in plain if not unicodedata.combining(each)).casefold()


def _undisguised(text: str) -> str:
    return text.translate(_LETTER_MEANT)


@cache
def _undisguised_passwords() -> frozenset[str]:
    return frozenset(map(_undisguised, common_passwords()))


@cache
def _undisguised_words() -> frozenset[str]:
    return frozenset(map(_undisguised, WORDS))
