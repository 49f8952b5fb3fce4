"""Passwords that many people choose although they are long enough: made by the rules people follow.

Made rather than copied, for what is published is mostly shorter than we allow. They are the words
that lead every published ranking, with years and rows of digits, and the walks over a keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

SHORTEST = 12
"""Characters of a password; what is shorter is refused for that alone."""

_WORDS = """
    password passwort passord passwd pass pwd secret access login user guest root test temp
    default admin administrator superuser sysadmin manager master letmein letmeinnow openup
    changeme changemenow changeit welcome welcomehome welcomeback hello helloworld iloveyou
    iloveyousomuch iloveu loveyou loveme lovely love forever foreverlove trustno trustnoone
    whatever nothing sunshine princess football baseball basketball volleyball softball hockey
    soccer monkey dragon shadow superman batman spiderman ironman starwars pokemon naruto
    michael michelle jennifer jessica jordan daniel thomas charlie ashley anthony nicole
    elizabeth christopher alexander alexandra christine stephanie benjamin samantha victoria
    madison jasmine matthew joshua andrew summer winter spring autumn january february march
    april june july august september october november december monday tuesday wednesday thursday
    friday saturday sunday computer internet security samsung microsoft facebook google
    chocolate butterfly mustang ferrari mercedes liverpool liverpoolfc chelsea arsenal barcelona
    realmadrid manchester manchesterunited london america california australia newyork blessed
    freedom jesus jesuschrist godisgood happybirthday unbelievable motherfucker fuckyou asshole
    thunderbird cheeseburger rockandroll blackberry strawberry watermelon snowboarding
    skateboard quarterback metallica slipknot greenday evanescence linkinpark mylittlepony
    hellokitty tinkerbell sweetheart babygirl mybaby myspace qwerty qwertyuiop qwertz azerty
    asdf asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc qweasd qweasdzxc qwe asd zxc abc abcd
    abcdef abcdefg abcdefgh company office business warehouse safety audit auditor incident
"""
WORDS = frozenset(_WORDS.split())
"""With digits and signs around them, or twice, they are refused as well."""

_LINES = (
    "12345678901234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "zaqxswcdevfrbgtnhymjukilop",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "a1b2c3d4e5f6g7h8i9j0",
    "1a2b3c4d5e6f7g8h9i0j",
    "1a2s3d4f5g6h7j8k9l",
    "qweasdzxcqweasdzxc",
    "112233445566778899",
    "741852963741852963",
    "147258369147258369",
    "1qazxsw23edcvfr45tgbnhy6",
    "z1x2c3v4b5n6m7a1s2d3f4g5h6",
    "1qa2ws3ed4rf5tg6yh7uj8ik",
    "qawsedrftgyhujikolp",
    "qwaszxerdfcvtyghbn",
    "12qw34er56ty78ui",
)
_TAILS = (
    *("123456789012"[:length] for length in range(1, 13)),
    *("987654321", "654321", "4321", "321", "007", "1313", "2580", "0000", "1111", "6969"),
    *("111111", "121212", "123123", "112233", "147258", "159357", "qwerty", "abc123", "1q2w3e"),
    *(str(year) for year in range(1950, 2031)),
)
_STRIDES = range(3, 17)
"""How long a walk over a keyboard is."""
_STEPS = (1, 2, 3, 4)
"""So many characters, said again and again, are no password however often they are said."""


@cache
def common_passwords() -> frozenset[str]:
    """Some thousands, in lower case and long enough to be chosen."""
    made = (*_tailed(), *_walks())
    return frozenset(one for one in made if len(one) >= SHORTEST)


def is_said_again(text: str) -> bool:
    """Whether it is a few characters said again and again."""
    return any(text == (text[:step] * len(text))[: len(text)] for step in _STEPS)


def is_walked(text: str) -> bool:
    """Whether it is nothing but walks over a keyboard, of three keys and more."""
    while text and (length := _step(text)):
        text = text[length:]
    return not text


def _step(text: str) -> int:
    """How many characters the first walk is long; 0 for none."""
    return max((length for length in _STRIDES if text[:length] in _walks()), default=0)


@cache
def _walks() -> frozenset[str]:
    return frozenset(_walked())


def _tailed() -> Iterator[str]:
    for word in WORDS:
        yield word
        yield word + word
        for tail in _TAILS:
            yield word + tail
            yield tail + word


def _walked() -> Iterator[str]:
    for line in _LINES:
        for way in (line, line[::-1]):
            for first in range(len(way) - 2):
                for length in _STRIDES:
                    yield way[first : first + length]
