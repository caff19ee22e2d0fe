"""The pages, drawn without the application."""
