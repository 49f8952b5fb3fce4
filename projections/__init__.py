"""Events in, rows out."""
