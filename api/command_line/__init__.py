"""Tallystick at the terminal."""
