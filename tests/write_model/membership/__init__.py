"""Specifications of the membership."""
