"""Certificates for TLS servers on loopback, good and bad; made anew in each run."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from voicectl.bench.lab.certificates import issue, make_authority

__all__ = ["TlsFiles", "make_tls_files"]


@dataclass(frozen=True)
class TlsFiles:
    folder: Path
    authority: Path

    def server(self, certificate: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(
            self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key"
        )
        return context


def make_tls_files(folder: Path, name: str) -> TlsFiles:
    """`good`, `expired`, `othername` and `corporate` for a server that is called `name`."""
    authority = make_authority(folder, "test authority")
    issue(folder, "good", authority, [name])
    issue(folder, "expired", authority, [name], expired=True)
    issue(folder, "othername", authority, ["other.example.test"])
    issue(folder, "corporate", make_authority(folder, "CorpProxy Issuing CA"), [name])
    return TlsFiles(folder, folder / "test-authority.pem")
