"""The Rust media core: the only documentation of the border."""

from typing import Literal

__all__ = ["BUILD_PROFILE", "__version__"]

BUILD_PROFILE: Literal["debug", "release"]
__version__: str
