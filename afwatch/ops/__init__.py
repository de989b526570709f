"""Operations as functions: each sends one entry of the registry and returns its pending answer."""
