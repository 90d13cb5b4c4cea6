"""What is tested is the installed wheel, not the tree."""

import sysconfig
from pathlib import Path

import voicectl
from voicectl import _native


def test_voicectl_comes_from_site_packages() -> None:
    site_packages = Path(sysconfig.get_paths()["purelib"])
    assert Path(voicectl.__file__).is_relative_to(site_packages)
    assert Path(_native.__file__).is_relative_to(site_packages)


def test_extension_and_package_tell_the_same_version() -> None:
    assert _native.__version__ == voicectl.__version__
