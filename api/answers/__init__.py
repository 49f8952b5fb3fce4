"""What answers hold, as the API describes them; a test holds real answers against each."""
