"""The checks of lint, by subject. The table of them is `policy_schema.document.lint.CHECKS`."""
