"""The `illumigan` command."""
