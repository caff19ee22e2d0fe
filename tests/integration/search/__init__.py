"""Search in a real book."""
