"""How servers from wheels are found, made and owned."""
