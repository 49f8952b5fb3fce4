"""Pushes what happens to everybody who follows it."""
