"""Pixels: print files, thumbnails, measurements."""
