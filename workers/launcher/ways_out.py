"""Whether the way to a server of one's own is one on which nobody can listen."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

_COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


def open_to_listeners(
    database_url: str, redis_url: str, environment: Mapping[str, str]
) -> str | None:
    """What to do about the first address that leaves this machine in clear or unverified.

    An empty address is that of an embedded server. None where nothing is to be done. What is said
    repeats no address: there is a password in it.
    """
    if database_url and not _is_postgres_safe(database_url, environment):
        return (
            "In production Postgres on another machine is reached by verified TLS only: add"
            " sslmode=verify-full to DATABASE_URL, and sslrootcert where its certificate needs one."
        )
    if redis_url and not _is_redis_safe(redis_url):
        return (
            "In production Redis on another machine is reached by verified TLS only: begin"
            " REDIS_URL with rediss:// and turn no check of its certificate off."
        )
    if not _is_collector_safe(environment.get(_COLLECTOR, "")):
        return (
            "In production a collector on another machine is reached by TLS only: begin"
            f" {_COLLECTOR} with https://."
        )
    return None


def _is_postgres_safe(address: str, environment: Mapping[str, str]) -> bool:
    """Only by what the address itself says: it is handed to every process, PGSSLMODE may not be."""
    # Here, not above: the launcher stays small, and only in production it has to read addresses.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(address)
    except ProgrammingError:
        return False
    if given.get("sslmode") == "verify-full":
        return True
    hosts = given.get("hostaddr") or given.get("host") or environment.get("PGHOST", "")
    named_elsewhere = "service" in given or {"PGSERVICE", "PGHOSTADDR"} & environment.keys()
    return not named_elsewhere and all(map(_is_here, str(hosts).split(",")))


def _is_redis_safe(address: str) -> bool:
    url = urlsplit(address)
    options = dict(parse_qsl(url.query))
    match url.scheme:
        case "unix":
            return True
        case "rediss":
            checks = options.get("ssl_cert_reqs", "required"), options.get("ssl_check_hostname")
            return checks in {("required", None), ("required", "true"), ("required", "True")}
        case _:
            return _is_here(url.hostname or options.get("host") or "localhost")


def _is_collector_safe(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme == "https" or _is_here(url.hostname or "")


def _is_here(host: str) -> bool:
    """A socket (libpq's default where no host is named), or an address of this machine's own."""
    if not host or host[0] in "/@" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
