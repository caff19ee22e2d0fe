"""Reads a fermentation's samples and says what is wrong, why, and what could help."""
