"""The event store: the only place that knows the library `eventsourcing`."""
