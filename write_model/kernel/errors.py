"""Everything that can go wrong in the domain, as one tree.

DomainError
├── Refused                      the command may not be carried out as asked
│   ├── Forbidden                the actor lacks the permission
│   │   ├── SegregationOfDuties  the actor is the one person who may not do this
│   │   └── SecondFactorMissing  the organization demands that the actor has one
│   ├── ReauthenticationRequired the actor must prove once more who he is
│   ├── IllegalTransition        the record's status does not allow it
│   ├── RecordLocked             the record is final
│   ├── Invalid                  a field's value cannot be accepted
│   ├── NotFound                 there is no such record for this actor
│   ├── VersionMismatch          the record has moved on since the caller looked
│   ├── PreconditionRequired     the caller must say which version was seen
│   └── SubjectErased            the person's data has been erased
├── Conflict                     somebody else changed the record at the same time
│   ├── KeyReused                an idempotency key came with another request
│   └── KeyInProgress            the first request with this key is still running
├── Unauthenticated              the caller could not be told
│   └── SecondFactorRequired     the password was right, and a code is missing
├── RateLimited                  too many tries; come back later
├── Overloaded                   too much is waiting; come back later
├── Unavailable                  the database did not answer in time
│   ├── NotShown                 the record is there, and cannot be shown at present
│   └── NotShownYet              what is asked is still made, or shown by another release
├── LogRestored                  the position belongs to a branch that was lost
└── HoleInLog                    a position is missing, so readers stop
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """Its message is a sentence that a user can read; `code` never changes."""

    code: ClassVar[str] = "error"


class Refused(DomainError):
    code = "refused"


class Forbidden(Refused):
    code = "forbidden"

    def __init__(self, permission: str, message: str | None = None) -> None:
        super().__init__(message or f"This needs the permission {permission}.")
        self.permission = permission


class SegregationOfDuties(Forbidden):
    code = "segregation_of_duties"

    def __init__(self, message: str, permission: str = "") -> None:
        super().__init__(permission, message)


class SecondFactorMissing(Forbidden):
    code = "second_factor_missing"

    def __init__(self) -> None:
        super().__init__(
            "",
            "Your organization demands a second factor of you: set one up with /v1/auth/totp."
            " Until then you may do nothing else here.",
        )


class ReauthenticationRequired(Refused):
    code = "reauthentication_required"

    def __init__(self) -> None:
        super().__init__(
            "Give your password once more at /v1/auth/reauthenticate, or sign in once more at your"
            " identity provider under it, and ask with the token that it answers."
        )


class IllegalTransition(Refused):
    """`allowed`: the statuses from which the command is legal, in life-cycle order.

    Empty when no other status would help: a rule stands in the way, or it is done only once.
    """

    code = "illegal_transition"

    def __init__(self, message: str, *, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class RecordLocked(Refused):
    code = "record_locked"


class Invalid(Refused):
    """`field` is the path of the value in the request, dotted."""

    code = "validation"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(Refused):
    code = "not_found"

    def __init__(self, message: str = "There is no such record.") -> None:
        super().__init__(message)


class VersionMismatch(Refused):
    """`current`: the version that the record has now."""

    code = "version_mismatch"

    def __init__(self, current: int) -> None:
        super().__init__(f"The record is at version {current}; read it again before you change it.")
        self.current = current


class PreconditionRequired(Refused):
    code = "precondition_required"

    def __init__(self) -> None:
        super().__init__("Say in If-Match which version you saw.")


class SubjectErased(Refused):
    code = "subject_erased"

    def __init__(self) -> None:
        super().__init__("This person's data has been erased and cannot be used again.")


class Conflict(DomainError):
    code = "conflict"

    def __init__(
        self, message: str = "The record was changed by somebody else; try again."
    ) -> None:
        super().__init__(message)


class KeyReused(Conflict):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This idempotency key was used for another request; choose a new one.")


class KeyInProgress(Conflict):
    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__("The first request with this key is still running; ask again shortly.")


class Unauthenticated(DomainError):
    code = "unauthenticated"


class SecondFactorRequired(Unauthenticated):
    code = "second_factor_required"

    def __init__(
        self, message: str = "Send the code of your authenticator app, or a recovery code, as totp."
    ) -> None:
        super().__init__(message)


class RateLimited(DomainError):
    """`retry_after_s`: when it is worth trying again. `what`: of which there were too many."""

    code = "rate_limited"

    def __init__(self, retry_after_s: int, what: str = "tries") -> None:
        super().__init__(f"Too many {what}; try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class Overloaded(DomainError):
    """`retry_after_s`: when it is worth asking again."""

    code = "overloaded"

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("Too many commands are waiting; try again in a moment.")
        self.retry_after_s = retry_after_s


class Unavailable(DomainError):
    code = "unavailable"

    def __init__(
        self,
        retry_after_s: int = 1,
        message: str = "The database did not answer in time; try again in a moment.",
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotShown(Unavailable):
    """A person has to look at it first, so it is not worth asking again at once."""

    def __init__(self) -> None:
        super().__init__(
            60,
            "The record cannot be shown, as what it began with could not be applied; an"
            " administrator finds it among the dead letters.",
        )


class NotShownYet(Unavailable):
    def __init__(self) -> None:
        super().__init__(
            5, "This is being made for another release of the product; try again in a moment."
        )


class LogRestored(DomainError):
    code = "log_restored"

    def __init__(self) -> None:
        super().__init__("The log was restored to an earlier point; start again without a cursor.")


class HoleInLog(DomainError):
    code = "hole_in_log"

    def __init__(self, position: int) -> None:
        super().__init__(
            "A position is missing from the log; readers stop until an operator has looked."
        )
        self.position = position
