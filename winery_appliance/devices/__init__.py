"""Probes in the cellar: which vessel each hangs in, and what it reads."""
