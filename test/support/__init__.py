"""What the tests of several rooms share and call by name, as they import it; fixtures are in the conftest files."""
