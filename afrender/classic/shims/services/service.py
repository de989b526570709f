"""The base class of classic services."""

from afrender.classic.service import service

__all__ = ["service"]

parser = "generic"
str_capacity = "@AF_CAPACITY@"
str_hosts = "@AF_HOSTS@"
str_hostsprefix = "-H "
str_hostseparator = ","
