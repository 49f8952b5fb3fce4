"""Every error says in a sentence what happened, under a code that never changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from write_model.kernel import errors
from write_model.kernel.errors import DomainError
from write_model.kernel.store.recorded_event import VersionConflict

SENTENCE = re.compile(r"[A-Z].*\.$")
ALL = [
    errors.Refused("This is refused."),
    errors.Forbidden("incident.command"),
    errors.SegregationOfDuties("The resolver does not close it.", "incident.command"),
    errors.ReauthenticationRequired(),
    errors.IllegalTransition("It is closed.", allowed=("open",)),
    errors.RecordLocked("It is merged."),
    errors.Invalid("The title is empty.", field="title"),
    errors.NotFound(),
    errors.VersionMismatch(3),
    errors.PreconditionRequired(),
    errors.SubjectErased(),
    errors.Conflict(),
    VersionConflict(),
    errors.KeyReused(),
    errors.KeyInProgress(),
    errors.Unauthenticated("Sign in."),
    errors.SecondFactorRequired(),
    errors.SecondFactorMissing(),
    errors.RateLimited(7),
    errors.Overloaded(),
    errors.Unavailable(),
    errors.NotShown(),
    errors.NotShownYet(),
    errors.LogRestored(),
    errors.HoleInLog(42),
]


def _kinds(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def test_every_error_of_the_kernel_is_looked_at_here() -> None:
    known = {type(error) for error in ALL}
    kernels = {kind for kind in _kinds(DomainError) if kind.__module__ == errors.__name__}
    assert kernels <= known


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_a_message_is_a_sentence(error: DomainError) -> None:
    assert SENTENCE.match(str(error))


def test_no_two_errors_of_the_kernel_share_a_code() -> None:
    codes = [error.code for error in ALL if "code" in vars(type(error))]
    assert len(codes) == len(set(codes))


def test_errors_carry_what_an_answer_needs() -> None:
    assert errors.RateLimited(7).retry_after_s == 7
    assert errors.HoleInLog(42).position == 42
    assert "42" not in str(errors.HoleInLog(42))
    assert errors.VersionMismatch(3).current == 3
    assert errors.SegregationOfDuties("No.", "incident.command").permission == "incident.command"
