"""Signing in at an identity provider that the organization trusts (OpenID Connect)."""
