"""Speed claims and what they rest on: every benchmark is run three times and stands beside its target.

Run as ``python -m benchmarks [name …]``.
"""
