"""The package of resource meters as classic modules know it."""
