"""Looks an installation over and says what is wrong with it."""
