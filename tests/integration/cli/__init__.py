"""The command `winery` as a real process on a real database."""
