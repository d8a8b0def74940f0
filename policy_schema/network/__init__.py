"""HTTP that is bounded in bytes and time, for everybody who reads a policy repository: courier and console."""
