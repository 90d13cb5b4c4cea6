"""One lab a test, torn down whatever happens in it."""

import os
import random
from collections.abc import Iterator

import pytest

from voicectl.bench.lab.network import Names
from voicectl.bench.lab.servers import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    seed = int(os.environ.get("LAB_SEED") or random.randrange(1 << 30))
    print(f"LAB_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    built = Lab(Names.draw(seed))
    try:
        yield built
    finally:
        built.down()
