"""What people can rely on who run it in production with servers of their own."""

import pytest

from workers.launcher.options import OptionsRefused, read_options

HERE = {"DATABASE_URL": "postgresql://127.0.0.1/desk", "REDIS_URL": "redis://localhost:6379/0"}


def starts(environment: dict[str, str]) -> None:
    read_options([], {"ENV": "production"} | HERE | environment)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgresql://desk:oil@db.example/desk"),
        ("DATABASE_URL", "postgresql://desk:oil@db.example/desk?sslmode=require"),
        ("DATABASE_URL", "host=db.example password=oil sslmode=verify-ca"),
        ("DATABASE_URL", "host=localhost,db.example password=oil"),
        ("DATABASE_URL", "host=localhost hostaddr=192.0.2.7 password=oil"),
        ("DATABASE_URL", "service=desk password=oil"),
        ("DATABASE_URL", "oil is no address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318"),
        ("REDIS_URL", "redis://:oil@cache.example"),
        ("REDIS_URL", "redis://?host=cache.example&password=oil"),
        ("REDIS_URL", "rediss://:oil@cache.example?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://:oil@cache.example?ssl_check_hostname=false"),
    ],
)
def test_what_others_could_listen_to_is_refused_with_what_to_do(name: str, address: str) -> None:
    with pytest.raises(OptionsRefused, match=name) as refused:
        starts({name: address})
    assert "oil" not in str(refused.value)
    read_options([], HERE | {name: address})  # Where it is tried out, that is one's own business.


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_what_the_environment_says_of_where_it_is_counts(name: str) -> None:
    with pytest.raises(OptionsRefused, match="DATABASE_URL"):
        starts({"DATABASE_URL": "dbname=desk", name: "192.0.2.7"})


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgresql://db.example/desk?sslmode=verify-full"),
        ("DATABASE_URL", "host=/run/postgresql dbname=desk"),
        ("DATABASE_URL", "postgresql://[::1]/desk"),
        ("DATABASE_URL", "dbname=desk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ("REDIS_URL", "rediss://cache.example"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("REDIS_URL", "redis://127.0.0.1"),
    ],
)
def test_what_stays_here_or_is_verified_is_taken(name: str, address: str) -> None:
    starts({name: address})
