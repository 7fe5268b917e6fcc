"""The processes: the runner's tick loop, and later the Celery tasks. `bootstrap` joins ports to implementations."""
