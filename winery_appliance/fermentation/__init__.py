"""Fermentations and their samples: the book that staff write all day."""
