"""Where the fruit came from: vineyards, blocks and harvest lots."""
