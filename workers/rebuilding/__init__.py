"""Rebuilds that were asked for over the API."""
