"""Processes beside the agent in which services and parsers of a studio's own run."""
