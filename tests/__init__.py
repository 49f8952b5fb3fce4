"""The specification, in sentences that run."""
