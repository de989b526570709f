"""What lets services and parsers that were written for the classic agent run unchanged, in a helper."""
