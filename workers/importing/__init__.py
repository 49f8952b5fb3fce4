"""Brings the history of another tracker in, through the public commands."""
