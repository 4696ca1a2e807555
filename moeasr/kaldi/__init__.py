"""What the scripts of utils/ do to data directories; standard library only, to start at once."""
