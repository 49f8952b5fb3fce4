"""What may happen to an incident."""
