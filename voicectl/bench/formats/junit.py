"""JUnit XML: a test case a figure and a case, so that a CI server shows what failed and how."""

from xml.etree import ElementTree as ET

from voicectl.bench.report import Case, Figure, Report, Verdict

__all__ = ["render_junit"]


def render_junit(report: Report) -> str:
    """The report as a document that JUnit readers take. Inconclusive and unmeasured are skipped."""
    root = ET.Element("testsuites", name="voicectl bench")
    for name in dict.fromkeys(figure.spec.suite for figure in report.figures):
        figures = [figure for figure in report.figures if figure.spec.suite == name]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(figures)),
            failures=str(sum(figure.verdict is Verdict.FAIL for figure in figures)),
            skipped=str(sum(_skipped(figure) for figure in figures)),
            errors="0",
        )
        properties = ET.SubElement(suite, "properties")
        for key, value in _calibration(report).items():
            ET.SubElement(properties, "property", name=key, value=value)
        for figure in figures:
            _add_case(suite, figure)
    for name in dict.fromkeys(case.suite for case in report.cases):
        _add_cases(root, name, [case for case in report.cases if case.suite == name])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False)


def _skipped(figure: Figure) -> bool:
    if figure.verdict is None:
        return figure.measurement is None
    return figure.verdict is Verdict.INCONCLUSIVE


def _calibration(report: Report) -> dict[str, str]:
    calibration = report.calibration
    noise = calibration.noise
    return {
        "a/a": f"{noise.value:.4f} [{noise.low:.4f}, {noise.high:.4f}]",
        "cpu_model": calibration.cpu_model,
        "build_profile": calibration.build_profile,
    }


def _add_case(suite: ET.Element, figure: Figure) -> None:
    case = ET.SubElement(suite, "testcase", classname=figure.spec.suite, name=figure.spec.name)
    properties = ET.SubElement(case, "properties")
    for key, value in _values(figure).items():
        ET.SubElement(properties, "property", name=key, value=value)
    reasons = [check.reason for check in figure.checks if check.verdict is figure.verdict]
    if figure.missing:
        reasons = [figure.missing]
    message = f"{figure.spec.id}: {'; '.join(reasons)}"
    if figure.verdict is Verdict.FAIL:
        ET.SubElement(case, "failure", message=message)
    elif _skipped(figure):
        ET.SubElement(case, "skipped", message=message)


def _add_cases(root: ET.Element, name: str, cases: list[Case]) -> None:
    wrong = sum(not case.right for case in cases)
    suite = ET.SubElement(
        root, "testsuite", name=f"{name} cases", tests=str(len(cases)), failures=str(wrong)
    )
    for case in cases:
        took_s = f"{(case.took_ms or 0) / 1000:.3f}"
        element = ET.SubElement(
            suite, "testcase", classname=f"{name}.{case.group}", name=case.name, time=took_s
        )
        if not case.right:
            message = f"found {case.found}, expected {case.expected} (seed {case.seed})"
            ET.SubElement(element, "failure", message=message)


def _values(figure: Figure) -> dict[str, str]:
    measurement, unit = figure.measurement, figure.spec.unit
    if measurement is None:
        return {}
    values = {"voicectl": f"{measurement.value:.4g} {unit}"}
    values |= {rival.name: f"{rival.value:.4g} {unit}" for rival in measurement.rivals}
    if (ratio := measurement.ratio) is not None:
        values["ratio"] = f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}] n={ratio.n}"
    return values
