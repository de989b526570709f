"""The statistics database: finished runs and deleted jobs for people to ask, and the farm as it is now."""
