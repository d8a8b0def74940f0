"""The checks of `interdict doctor`, by what they are about."""
