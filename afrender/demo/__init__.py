"""The demo's own little production: a simulation, a ray tracer and a movie maker, each run as a task of the farm.

Nothing here is imported by the agent; the three programs are started as ordinary task commands.
"""
