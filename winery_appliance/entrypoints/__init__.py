"""The processes: web, worker, scheduler, the command line and the supervisor that runs them together."""
