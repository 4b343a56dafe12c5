"""Keeps the process small. Pictures come and go in threads as blocks of some hundred kilobytes, which glibc's
allocator by default keeps in one arena for each thread: measured after 150 pictures of 1K, 200 MB by default and 114
MB like this. Where there is no glibc, nothing is changed."""

from __future__ import annotations

import ctypes

# malloc.h of glibc, the parameters of mallopt(3).
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8


def return_large_blocks() -> None:
    """Blocks of 128 KiB and more go back to the system when they are freed; two arenas serve all threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in ((M_MMAP_THRESHOLD, 128 * 1024), (M_TRIM_THRESHOLD, 256 * 1024), (M_ARENA_MAX, 2)):
        mallopt(parameter, value)
