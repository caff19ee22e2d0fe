"""One file a step; names say what the step is for."""
