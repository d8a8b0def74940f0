"""What kinds of tools the catalogue knows: the closed list for `category`, which a ban can aim at.

A tool stands in one category, that of what it is mostly used for. An organisation's own tools may have others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CATEGORIES: Final[Mapping[str, str]] = {
    "ai-assistant": "talks with people about anything, also on the command line or from a desktop",
    "ai-coding-assistant": "reads and writes code: on the command line, as an editor, inside one",
    "ai-sdk": "a library to build with; often there because another library needs it",
    "model-gateway": "passes requests on to models of several vendors",
    "model-runner": "runs models on the machine itself",
}
