"""Imported on first use only."""
