"""The real app, served as for every test of the API."""

from tests.api.conftest import projector, served

__all__ = ["projector", "served"]
