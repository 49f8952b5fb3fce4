"""One person's identity, in the system tenant; everywhere else only the subject id is known."""
