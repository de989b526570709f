"""How an application is run: a file for each service that needs more than the general rules of ``base``."""
