"""Past vintages and the patterns in them."""
