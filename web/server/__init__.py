"""How gunicorn serves the web process: a worker with bounds on each request, and its shutdown."""
