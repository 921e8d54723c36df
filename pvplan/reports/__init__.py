"""Doors to files that go out, and back in."""
