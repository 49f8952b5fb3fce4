"""Forgets what is kept for a time only: idempotency keys and sign-ins that have ended."""
