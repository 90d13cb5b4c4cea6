"""Figures that hold on a noisy machine, each beside a rival's, and gates on them.

`suite` says what a suite is and runs some; `dsp` is one. `measure` times a pair of workloads,
`estimate` says how sure the ratio is, `self_test` how far this machine can be trusted; `gate`
and `baseline` judge; `formats` renders the `report`.
"""
