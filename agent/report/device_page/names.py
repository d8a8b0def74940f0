"""Codes of the agent in the reader's language. A code that is not known here is shown as it came."""

from __future__ import annotations

from policy_schema.notices.translate import Words


def state(code: str, words: Words) -> str:
    """Why a finding is treated as it is."""
    known = {
        "announced": words("announced"),
        "active": words("in force"),
        "out-of-scope": words("not for this machine"),
        "not-in-rollout": words("not yet for this machine"),
        "awaiting-notice": words("waiting until you have had your time"),
        "held": words("held"),
        "excepted": words("you have an exception"),
        "paused": words("paused"),
        "lifted": words("allowed again"),
        "weak": words("not sure; nothing is done"),
    }
    return known.get(code, code)


def action(code: str, words: Words) -> str:
    """What applies now."""
    known = {
        "report": words("it is counted"),
        "notify": words("you are told"),
        "block": words("it may not be started"),
        "remove": words("it is removed"),
    }
    return known.get(code, code)


def coming(code: str, words: Words) -> str:
    """What will apply from a time on."""
    known = {
        "report": words("It is counted; nothing else happens."),
        "notify": words("You are told."),
        "block": words("It can no longer be started; what runs may finish."),
        "remove": words("It is removed. Nothing is lost: it can be put back."),
    }
    return known.get(code, code)


def outcome(code: str, words: Words) -> str:
    """What came of the last thing that was done."""
    known = {
        "told": words("you were told"),
        "not-shown": words("the notice could not be shown"),
        "refused": words("a start was refused"),
        "finishing": words("it may finish"),
        "stopped": words("it was stopped"),
        "killed": words("it was ended by force"),
        "gone": words("it is gone"),
        "quarantined": words("it was put aside"),
        "uninstalled": words("it was uninstalled"),
        "restored": words("it was put back"),
        "failed": words("it did not work"),
        "refused-by-guard": words("left alone: the machine needs it"),
        "left-in-project": words("left alone: it is in a project of yours"),
    }
    return known.get(code, code)


def face(code: str, words: Words) -> str:
    """In which form something was found."""
    known = {
        "package": words("package"),
        "extension": words("extension"),
        "app": words("application"),
        "executable": words("program"),
        "process": words("running program"),
        "setting": words("setting"),
        "residue": words("left behind by a program"),
    }
    return known.get(code, code)


def match(code: str, words: Words) -> str:
    """By what something was recognised."""
    known = {
        "package-identity": words("the name of the package"),
        "content": words("texts inside the file"),
        "hash": words("the exact file"),
        "signer": words("who signed it"),
        "extension-id": words("the id of the extension"),
        "app-id": words("the id of the application"),
        "folder": words("its own folder"),
        "name": words("its name only"),
        "setting": words("what a settings file says"),
        "residue": words("what it left behind"),
    }
    return known.get(code, code)


def confidence(code: str, words: Words) -> str:
    """How sure that is."""
    known = {"exact": words("certain"), "strong": words("very likely"), "weak": words("a guess, never acted on")}
    return known.get(code, code)


def trust(code: str, words: Words) -> str:
    """What the policy in force rests on."""
    known = {
        "verified": words("signatures verified"),
        "last-good": words("the last policy that was verified"),
        "unsigned": words("not signed"),
        "none": words("none"),
    }
    return known.get(code, code)


def held(code: str, words: Words) -> str:
    """How something in quarantine stands."""
    known = {
        "prepared": words("being put aside"),
        "moved": words("put aside"),
        "sealed": words("put aside"),
        "restored": words("put back"),
        "purged": words("removed for good"),
        "purging": words("being removed for good"),
    }
    return known.get(code, code)
