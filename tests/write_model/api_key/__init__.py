"""Specifications of API keys."""
