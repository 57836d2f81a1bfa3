"""CRC-32 of many bytes, as zlib and mcap have it: by ISA-L where it is installed, which is several times faster."""

try:
    from isal.isal_zlib import crc32
except ImportError:  # no wheel for this machine
    from zlib import crc32

__all__ = ["crc32"]
