"""What the web and the worker processes share: settings, shapes, errors and the session store."""
