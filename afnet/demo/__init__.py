"""The demo: a farm of one server and two agents that lives for one animation; run by ``python -m afnet.demo``."""
