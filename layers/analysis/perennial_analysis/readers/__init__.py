"""Readers of what there is to analyse: each gives tables in bounded chunks, and counts what it could not read."""
