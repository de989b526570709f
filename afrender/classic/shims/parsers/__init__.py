"""The package of parsers as classic modules know it: those that ship, and the studio's own beside them."""
