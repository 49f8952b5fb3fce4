"""Specifications of api/identity."""
