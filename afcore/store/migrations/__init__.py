"""How older databases become newer ones: alembic's scripts, a *before* and an *after* half per version.

The before half only adds, so that a program of the version before can still work; the after half removes what nobody
needs any more, at a later start. Scripts are history: never edit one that was released.
"""
