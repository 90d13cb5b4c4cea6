"""Units of time: `now_ns` and every duration below the edges are integer nanoseconds."""

__all__ = ["NS_PER_MS", "NS_PER_S"]

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
