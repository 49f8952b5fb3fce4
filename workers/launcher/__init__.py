"""Starts the whole of Tallystick on one machine and keeps it running; the standard library only."""
