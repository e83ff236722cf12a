"""Stands in for the container where a test needs one that misbehaves."""
