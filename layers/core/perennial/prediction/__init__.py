"""Requests for predictions: what a body must hold, and the record that is kept of it. Pure."""
