"""A lock on what a run writes, so that two processes never write the same run."""

import sys
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def lock(path: Path) -> IO[bytes]:
    """Lock a file until it is closed or the process ends in any way.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:  # POSIX: unlike with `flock`, no forked child inherits the lock and keeps it
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.close()
        raise BlockingIOError(
            f"another process is writing a run in {path.parent}; wait, or choose another folder"
        ) from None
    return file
