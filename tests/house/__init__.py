"""What every file of this project promises."""
