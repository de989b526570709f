"""The name ``afcommon`` of classic modules."""

from afrender.classic.patterns import (
    BlockFlags,
    checkBlockFlag,
    fillNumbers,
    filterFileName,
    patternFromDigits,
    patternFromFile,
    patternFromPaths,
    patternFromStdC,
    setBlockFlag,
)

__all__ = [
    "BlockFlags",
    "checkBlockFlag",
    "fillNumbers",
    "filterFileName",
    "patternFromDigits",
    "patternFromFile",
    "patternFromPaths",
    "patternFromStdC",
    "setBlockFlag",
]
