"""report.html: a window on one page, for people. No scripts, nothing loaded from elsewhere, all text escaped."""
