"""Specifications of the kernel."""
