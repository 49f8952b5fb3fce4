"""Specifications of the organization."""
