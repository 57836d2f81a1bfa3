"""The checksum is zlib's, whoever computes it."""

import os
import zlib

import pytest

from illumigan_model.system.checksum import crc32


@pytest.mark.parametrize("size", [0, 1, 31, 4096, 1_000_003])
def test_the_checksum_of_parts_is_that_of_the_whole(size):
    content = os.urandom(size)
    whole = crc32(content)
    assert whole == zlib.crc32(content)
    for cut in (0, size // 3, size):
        assert crc32(memoryview(content)[cut:], crc32(content[:cut])) == whole
