"""The command of the server itself."""
