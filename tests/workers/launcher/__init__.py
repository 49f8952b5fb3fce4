"""How the launcher behaves, with real processes."""
