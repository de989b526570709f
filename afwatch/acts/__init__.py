"""The actions of the monitor, by kind of row, as data."""
