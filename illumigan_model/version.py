"""The version that is installed; setup.py and package.xml say it, as ROS' release tools write it to both."""

from importlib import metadata


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution, None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


__version__ = installed_version("illumigan") or "not installed"
