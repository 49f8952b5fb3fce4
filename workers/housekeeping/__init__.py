"""Forgets what is kept for a time only: keys, ended sign-ins, old accesses, secrets left over."""
