"""Faults made on purpose: which there are, when they are made, and how.

`kinds` has the table of them, `fault` what a user says, `choice` whether it happens now (pure),
`making` what then happens, `wire` and `spoilt` what it does to connections and to answers.
"""
