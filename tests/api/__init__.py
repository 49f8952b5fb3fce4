"""Specifications of api."""
