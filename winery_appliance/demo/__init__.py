"""Two invented wineries made from a seed, so that a newcomer sees a harvest at once."""
