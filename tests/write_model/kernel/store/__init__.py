"""The event store's specification, on a real Postgres."""
