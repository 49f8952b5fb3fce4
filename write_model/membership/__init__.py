"""A person in an organization: who may act there, and who is only named in its records."""
