"""Where the present master secret lies and the next one, and how one takes the other's place."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.launcher.home import Home, write_whole
from write_model.kernel.secret_sources import (
    NEXT_VARIABLE,
    VARIABLE,
    SecretRefused,
    decoded,
    secret_bytes,
)
from write_model.kernel.secrets import MasterSecret


@dataclass(frozen=True, slots=True)
class Sources:
    """`given`: what the environment names as the next secret; empty for one that is made here."""

    home: Home
    given: str = field(default="", repr=False)

    def present(self) -> MasterSecret:
        """Raises: SecretRefused; FileNotFoundError where there is none."""
        with self.home.account.acting():
            return MasterSecret.of(secret_bytes(self.home.secret_file, self.home.secret))

    def following(self, present: MasterSecret) -> MasterSecret:
        """The next one, in a file until it is in its place.

        Raises: SecretRefused for one that does not follow the present one.
        """
        following = self._given() if self.given else self._kept(present)
        if following.value != present.value and not following.follows(present):
            raise SecretRefused(
                "The next secret must carry on what cannot be made anew. Make one by"
                " `./tallystick rotate-secret --make`, from the present secret."
            )
        return following

    def replace(self, following: MasterSecret) -> bool:
        """Whether all is done; False where the environment still has to be told."""
        with self.home.account.acting():
            if self.home.secret_file.exists():
                write_whole(self.home.secret_file, _line(following))
            self.home.next_secret.unlink(missing_ok=True)
        return not self.home.secret

    def _given(self) -> MasterSecret:
        return MasterSecret.of(decoded(self.given, place=NEXT_VARIABLE))

    def _kept(self, present: MasterSecret) -> MasterSecret:
        if self.home.secret:
            raise SecretRefused(
                f"The present secret is in {VARIABLE}, so put the next one into {NEXT_VARIABLE};"
                " `./tallystick rotate-secret --make` makes one."
            )
        path = self.home.next_secret
        with self.home.account.acting():
            if not path.exists():
                write_whole(path, _line(present.successor()))
            return MasterSecret.of(secret_bytes(path))


def _line(secret: MasterSecret) -> bytes:
    return secret.text().encode() + b"\n"
