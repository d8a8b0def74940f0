"""`interdict-policy schema`: the JSON Schema of a policy, for editors."""

from __future__ import annotations

import argparse
import json

from pydantic import BaseModel

from policy_schema.document.closed import ClosedDocument
from policy_schema.document.policy import Included, Policy
from policy_schema.document.tool import Tool

NAME = "schema"
HELP = "Prints the JSON Schema of a policy, for editors and for other programs."

MODELS: dict[str, type[BaseModel]] = {"closed": ClosedDocument, "include": Included, "policy": Policy, "tool": Tool}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `schema` takes."""
    parser.add_argument(
        "document",
        nargs="?",
        default="policy",
        choices=sorted(MODELS),
        help="policy: what an author writes; include: a file that it includes; tool: a catalogue entry; closed: signed",
    )


def run(args: argparse.Namespace) -> int:
    """Prints one JSON document."""
    name: str = args.document
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Interdict {name}",
        **{key: value for key, value in MODELS[name].model_json_schema(by_alias=True).items() if key != "title"},
    }
    print(json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False))
    return 0
