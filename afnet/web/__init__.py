"""The web pages as text: rows and figures in, HTML and pictures out; nothing here waits or knows HTTP."""
