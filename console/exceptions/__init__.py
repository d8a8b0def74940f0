"""Exceptions and pauses: asked for at a device, decided here, signed by the role that can only weaken."""
