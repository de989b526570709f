"""What the farm is: containers and columns without behaviour; written by ``afcore.evolve`` alone."""
