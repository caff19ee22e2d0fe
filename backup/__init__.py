"""Continuous copies of the database and the way back from them. Runs without the application."""
