"""Every kind of NAT, with RFC 5780 at the server and without it, and what the probe must say."""

from dataclasses import dataclass

from voicectl.bench.lab.servers import Answer, Lab
from voicectl.bench.probe.faults import turn

__all__ = ["NATS", "Nat"]

_EIF, _ADF, _APDF = "endpoint-independent", "address-dependent", "address-and-port-dependent"
_LOOSE = "endpoint-independent or address-dependent"
_SHORT = {_EIF: "EI", _ADF: "AD", _APDF: "APD", _LOOSE: "EI/AD", "no-nat": "none"}


@dataclass(frozen=True)
class Nat:
    """A NAT, a server, and what can be known of the one by the other (RFC 4787's words)."""

    mode: str
    rfc5780: bool
    mapping: str
    filtering: str

    @property
    def name(self) -> str:
        """As reports have it."""
        return f"{self.mode} NAT, {'with' if self.rfc5780 else 'without'} RFC 5780"

    @property
    def expected(self) -> str:
        """Mapping, filtering and hairpin in short."""
        return _behavior(self.mapping, self.filtering, self.mode == "open")

    def run(self, lab: Lab) -> Answer:
        """Probe from behind it."""
        lab.up(self.mode)
        lab.coturn(rfc5780=self.rfc5780)
        return lab.probe(turn(lab, lab.names.v4_only), "--quality", "0")

    def found(self, answer: Answer) -> str:
        """What the probe says of it, in the words of `expected`."""
        nat = answer.record.get("nat")
        if nat is None:
            return "nothing"
        return _behavior(nat["mapping"], nat["filtering"], nat["hairpin"])


NATS = (
    Nat("open", True, "no-nat", _EIF),
    Nat("fullcone", True, _EIF, _EIF),
    Nat("addrcone", True, _EIF, _ADF),
    Nat("eim", True, _EIF, _APDF),
    Nat("symmetric", True, _APDF, _APDF),
    Nat("open", False, "no-nat", _LOOSE),
    Nat("fullcone", False, _LOOSE, _LOOSE),
    Nat("addrcone", False, _LOOSE, _LOOSE),
    Nat("eim", False, _LOOSE, _APDF),
    Nat("symmetric", False, _APDF, _APDF),
)


def _behavior(mapping: str, filtering: str, hairpin: bool | None) -> str:
    hairpins = {True: "hairpin", False: "no hairpin", None: "hairpin unknown"}[hairpin]
    words = _SHORT.get(mapping, mapping), _SHORT.get(filtering, filtering)
    return f"mapping {words[0]}, filtering {words[1]}, {hairpins}"
