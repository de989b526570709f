"""The farm's memory on disk: journal, snapshots, and a row per finished run.

Import what you need from the modules; ``base`` has the contract, ``opening`` opens a database (and is heavy).
"""
