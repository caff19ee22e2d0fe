"""Search: from a few characters of a code or name to the tank, ferment, lot, vineyard or block they stand for."""
