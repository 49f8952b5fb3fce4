"""The shared kernel: messages, errors, the event store, access and personal data."""
