"""The organization: the tenant, and what it has decided for itself."""
