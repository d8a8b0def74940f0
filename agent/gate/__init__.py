"""The gate: refuses banned starts on Linux. A program of its own; imports policy_schema.rules and nothing else of ours.

How it works, its threads and what it costs: docs/gate.md. What it does not cover: docs/limits.md.
"""
