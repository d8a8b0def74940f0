"""The TUF conformance suite against the code that the agent runs: see README.md."""
