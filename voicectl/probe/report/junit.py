"""JUnit XML: a test case a target, a failure where none of its paths is usable."""

import xml.etree.ElementTree as ET  # noqa: S405, N817 - it is written here, never parsed
from collections.abc import Sequence

from voicectl.probe.report.record import Record

__all__ = ["render_junit"]


def render_junit(records: Sequence[Record]) -> str:
    """The document, with the verdict id as the failure's type and the legs in system-out."""
    failures = sum(not each["usable"] for each in records)
    seconds = sum(each["total_ms"] for each in records) / 1000
    suite = ET.Element(
        "testsuite",
        name="voicectl probe",
        tests=str(len(records)),
        failures=str(failures),
        errors="0",
        time=f"{seconds:.3f}",
    )
    for record in records:
        verdict = record["verdict"]
        case = ET.SubElement(
            suite,
            "testcase",
            classname="voicectl.probe",
            name=_clean(record["target"]),
            time=f"{record['total_ms'] / 1000:.3f}",
        )
        properties = ET.SubElement(case, "properties")
        ET.SubElement(properties, "property", name="verdict", value=verdict["id"])
        if not record["usable"]:
            failure = ET.SubElement(
                case, "failure", message=_clean(verdict["title"]), type=verdict["id"]
            )
            failure.text = _clean(
                "\n".join([verdict["cause"], *verdict["evidence"], *verdict["fix"].values()])
            )
        output = ET.SubElement(case, "system-out")
        output.text = "\n".join(_leg(each) for each in record["legs"])
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode")


def _leg(leg: Record) -> str:
    detail = leg["failure"]["detail"] if leg["failure"] else ", ".join(leg["relayed"])
    return _clean(f"{leg['label']}: {leg['result']} {leg['took_ms']:.0f} ms {detail}".rstrip())


def _clean(text: str) -> str:
    """Without what XML 1.0 does not allow."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")
