"""How the monitor looks: tokens, palette, fonts, icons and words; the only place with colours."""
