"""What stands on a screen that others see too, in the place of a notice that cannot wait: nothing of its content."""

from __future__ import annotations

from policy_schema.notices.translate import words_for


def discreet(languages: tuple[str, ...]) -> tuple[str, str]:
    """Title and body."""
    words = words_for(languages)
    return (
        words("A notice for you"),
        words("It is not shown here while the screen is mirrored. To read it: {command}", command="interdict status"),
    )
