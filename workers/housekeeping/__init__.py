"""Forgets what is kept for a time only: idempotency keys, ended sign-ins, old accesses."""
