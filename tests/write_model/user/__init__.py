"""Specifications of the user."""
