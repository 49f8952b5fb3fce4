"""Another master secret: everything that is kept under the present one is made anew under it."""
