"""The winery itself and its vessels: the root that every tenant row belongs to."""
