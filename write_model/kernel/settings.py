"""Everything that can be set, read once at the composition root and handed down."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from psycopg.conninfo import make_conninfo
from pydantic import AliasChoices, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from write_model.kernel.homes import default_home
from write_model.kernel.secret_sources import OF_THIS_RUN, secret_bytes, with_mounted
from write_model.kernel.secrets import MasterSecret

OWNER, WRITER, TAILER, APP = (
    "tallystick_owner",
    "tallystick_writer",
    "tallystick_tailer",
    "tallystick_app",
)

SUPERUSER = "postgres"
"""Of the embedded cluster; a real server's administrator stands in its address."""
CACHE = "valkey"
"""As whose password the embedded cache's is made."""

Origin = Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")]
"""As a browser writes it: no path, no wildcard."""
Network = IPv4Network | IPv6Network
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

Often = Annotated[int, Field(ge=1, le=100_000_000)]


class Settings(BaseSettings):
    """From the environment; each is spelled `TALLYSTICK_<NAME>` unless an alias is given."""

    model_config = SettingsConfigDict(env_prefix="TALLYSTICK_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=default_home)
    secret: SecretStr = SecretStr("")
    """32 random bytes in base64, for whom they must not lie in `<home>/secrets`."""
    secret_next: SecretStr = SecretStr("")
    """What `rotate-secret` is to put in its place, where it lies in the environment."""
    environment: Annotated[str, Field(validation_alias=AliasChoices("ENV"))] = "development"
    database_url: Annotated[str, Field(validation_alias=AliasChoices("DATABASE_URL"))] = ""
    """Administrator's conninfo of a real server; empty for the embedded one."""
    redis_url: Annotated[str, Field(validation_alias=AliasChoices("REDIS_URL"))] = ""
    database_name: str = "tallystick"
    socket_folder: Path | None = None
    """Where the embedded servers' sockets lie, when not in `<home>/run`."""
    api_processes: int = 1
    """How many there are to be, each of which tells the others what it measured."""
    organization: str = "Tallystick"
    """What the first organization is called, which the first start founds."""
    contact_email: Annotated[str, Field(pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    contact_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Whom the API's description names for questions; empty for nobody."""
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/\s]+)?$")] = ""
    """Where others reach it, such as https://tallystick.example; empty for `host` and `port`."""
    host: str = "127.0.0.1"
    port: int = 8400
    listen_descriptor: int | None = None
    """Of a listening socket that whoever starts the process shares among several."""
    ready_descriptor: int | None = None
    """Where to write a line once requests are answered; for whoever starts the process."""
    drain_s: Annotated[float, Field(ge=0)] = 15.0
    """How long requests under way are waited for after SIGTERM: more than a command may take."""
    drain_idle_s: Annotated[float, Field(ge=0)] = 2.0
    """After how long without a request a kept connection is closed then."""
    head_s: Annotated[float, Field(gt=0)] = 10.0
    """How long address and headers of a request may take to come."""
    body_s: Annotated[float, Field(gt=0)] = 10.0
    """The same of its body; no longer than a command's deadline, which holds for both."""
    unread_s: Annotated[float, Field(gt=0)] = 30.0
    """How long a client may take nothing of an answer."""
    allowed_origins: tuple[Origin, ...] = ()
    """Whose pages a browser lets ask; a JSON list such as ["https://desk.example"]."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word in `X-Forwarded-For` is taken; a JSON list such as ["10.0.0.5", "10.1.0.0/16"]."""
    graphql_introspection: bool = False
    """Whether GraphQL tells its schema; off, because nobody but a developer's tools asks for it."""
    identity_provider_networks: tuple[IPvAnyNetwork, ...] = ()
    """Where identity providers may lie beside the world's addresses; such as ["10.1.0.0/16"]."""
    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"
    """From which on a line is written, in letters of any case; DEBUG tells every request."""
    otlp_endpoint: Annotated[
        str, Field(validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT"))
    ] = ""
    """Where a collector takes spans over OTLP/HTTP; empty for none, which costs nothing."""
    tracing_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of all that is asked is traced."""
    command_deadline_s: float = 10.0
    """How long a command may wait for its verdict before 503."""
    statement_timeout_ms: int = 5_000
    """Of a command's statements."""
    read_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    """Of one record, a page of a list or of a history."""
    dear_read_timeout_s: Annotated[float, Field(gt=0)] = 8.0
    """Of figures, counts and what was; on connections of their own. All is over at the deadline."""
    lock_timeout_ms: int = 4_000
    append_batch_rows: int = 1_000
    append_batch_bytes: int = 4 * 1024 * 1024
    append_queue_rows_per_tenant: int = 10_000
    stream_cache_size: int = 20_000
    """Folded states kept per process; about 2 KB each."""
    read_wait_s: float = 2.0
    """How long a read waits for `min_position` before it answers stale."""
    keep_answers_from_ms: float = 3.0
    """What takes less time is computed at each read: finding it takes a third of that."""
    tail_trust_s: float = 1.75
    """How long without the log's tail until nothing cached is believed.

    Requests under way are given the rest of the 2 s after which what was taken away has no effect.
    """
    breached_passwords: str = ""
    """A file of public passwords' digests, sorted, none of which may be chosen; empty for none."""
    access_log_days: Annotated[int, Field(ge=1)] = 400
    """How long it is kept who was refused or shown what: a whole year, seen from its review."""

    commands_a_minute_of_organization: Often = 240_000
    commands_a_minute_of_actor: Often = 160_000
    """Of one member or API key; so many at once, too, after a quiet minute."""
    queries_a_minute_of_organization: Often = 600_000
    queries_a_minute_of_actor: Often = 400_000
    dear_queries_a_minute_of_organization: Often = 12_000
    dear_queries_a_minute_of_actor: Often = 6_000
    """Figures, counts and what was: what reads many rows for one answer."""
    streams_a_minute_of_organization: Often = 24_000
    streams_a_minute_of_actor: Often = 12_000
    """Streams begun, not kept open: a restart has everybody begin anew."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, with what its `..._FILE` variables name. Raises: SecretRefused."""
        source = EnvSettingsSource(settings_cls)
        # The library's names are in small letters: it reads them in any.
        source.env_vars = {name.lower(): text for name, text in with_mounted(os.environ).items()}
        return init_settings, source

    def master_secret(self) -> MasterSecret:
        """Raises: SecretRefused; FileNotFoundError when it is neither set nor in the home."""
        given = self.secret.get_secret_value()
        return MasterSecret.of(secret_bytes(self.home / "secrets", given))

    def sockets(self) -> Path:
        return self.socket_folder or self.home / "run"

    def conninfo(self, role: str) -> str:
        """How one of the database roles logs in."""
        password = self.database_password(role)
        if self.database_url:
            return make_conninfo(self.database_url, user=role, password=password)
        return make_conninfo(
            host=str(self.sockets()), dbname=self.database_name, user=role, password=password
        )

    def database_password(self, role: str) -> str:
        """Of the embedded server's roles one for each start, but for its administrator."""
        of_this_run = None if self.database_url or role == SUPERUSER else self._run_secret()
        return (of_this_run or self.master_secret()).database_password(role)

    def cache_url(self) -> str:
        if self.redis_url:
            return self.redis_url
        run = self._run_secret()
        password = f":{run.database_password(CACHE)}@" if run else ""
        return f"unix://{password}{self.sockets() / 'valkey.sock'}"

    def _run_secret(self) -> MasterSecret | None:
        """None where whoever runs the servers has made none, as in tests."""
        file = self.sockets() / OF_THIS_RUN
        return MasterSecret.of(secret_bytes(file)) if file.exists() else None
