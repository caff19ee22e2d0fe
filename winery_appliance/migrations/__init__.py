"""The schema's history: one line of migrations, run by the owner's role under a lock."""
