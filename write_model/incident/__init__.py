"""The incident: what is reported, declared, worked on, resolved and closed."""
