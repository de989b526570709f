"""Takes a workstation out of the farm while its person works, and gives it back."""
