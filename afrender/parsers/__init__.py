"""How the output of an application is read: a file for each parser, with one class that inherits ``base.Parser``."""
