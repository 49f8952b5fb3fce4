"""Many processes write on few records while the database's backends are ended and paused."""
