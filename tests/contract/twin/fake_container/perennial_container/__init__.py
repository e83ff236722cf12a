"""A server in forty lines that keeps the serving contract: stands in for the real container in tests."""
