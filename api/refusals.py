"""What is wrong with a request before any rule of the domain is asked."""

from __future__ import annotations

from collections.abc import Sequence

from write_model.kernel.errors import DomainError, Unavailable


class Malformed(DomainError):
    code = "malformed"


class KeyRequired(DomainError):
    code = "idempotency_key_required"

    def __init__(self) -> None:
        super().__init__(
            "Your organization demands an Idempotency-Key: choose one for this command, and send"
            " the same with each retry."
        )


class WrongFields(DomainError):
    """`errors`: every field that cannot be accepted, as (dotted path, why)."""

    code = "validation"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field or 'body'}: {why}" for field, why in errors[:5]))
        self.errors = errors


class PayloadTooLarge(DomainError):
    code = "payload_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body may hold {limit_bytes} bytes at most.")


class HeadTooLarge(DomainError):
    code = "head_too_large"

    def __init__(self, limit_bytes: int, most_fields: int) -> None:
        super().__init__(
            f"Address and headers may hold {limit_bytes} bytes and {most_fields} fields at most;"
            " send less of either."
        )


class TookTooLong(Unavailable):
    """The same question is as dear the next time, so it is not worth asking again at once."""

    def __init__(self) -> None:
        super().__init__(
            retry_after_s=5,
            message="This took longer than a question may, and was given up; ask for less: a"
            " shorter time, more filters, fewer items or counts.",
        )


class ProviderSilent(Unavailable):
    def __init__(self) -> None:
        super().__init__(
            message="Your identity provider did not answer as it should; try again in a moment."
        )


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__("Send the body as application/json.")


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("This address does not take this method; see /docs.")


class NotInstalled(DomainError):
    """`extra`: what pip calls the part that is missing."""

    code = "not_installed"

    def __init__(self, part: str, extra: str) -> None:
        super().__init__(f"This server has no {part}; its operator can install {extra}.")


class NoSuchAddress(DomainError):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is nothing at this address; see /docs.")
