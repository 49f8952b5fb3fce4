"""Tiny services in the place of ours, so that the launcher is tested by itself."""
