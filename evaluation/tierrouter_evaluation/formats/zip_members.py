"""A zip file's members, bounded: Inspect compresses by zstd, which Python knows of itself from 3.14 on."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from tierrouter_evaluation.errors import ResultFilesError

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile

MAX_MEMBER_BYTES: Final = 64 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 512 * 1024 * 1024
"""Of all members that are read, uncompressed."""


class Members:
    """Names and contents."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        """Raises ResultFilesError where it is no zip file, or one without its end."""
        self._source = source
        self._left = MAX_TOTAL_BYTES
        try:
            self._zip: Any = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise ResultFilesError(
                f"{source}: no zip file that can be read, or cut off: {error}. Did the harness end before it was done?"
            ) from None
        self._names = set(self._zip.namelist())

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        """A member's content; raises ResultFilesError where it is broken or too large."""
        limit = min(MAX_MEMBER_BYTES, self._left)
        where = f"{self._source}/{name}"
        try:
            with self._zip.open(name) as member:
                found: bytes = member.read(limit + 1)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
            raise ResultFilesError(f"{where}: can't be read: {error}") from None
        except Exception as error:  # the decompressors have errors of their own: zstd's, lzma's
            raise ResultFilesError(f"{where}: can't be decompressed: {error}") from None
        if len(found) > limit:
            raise ResultFilesError(f"{where}: larger than {limit // 2**20} MiB uncompressed")
        self._left -= len(found)
        return found
