"""Footage before and after, as one page for a browser: frames read, measured, chosen and shown."""
