"""What every feature stands on: settings, time, database, outbox, jobs, errors and units. Knows no feature."""
