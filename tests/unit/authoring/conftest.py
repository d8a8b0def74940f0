"""Author's folders for the tests of the publishing commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.author import NAMES, Author, copy_of


@pytest.fixture(scope="session")
def three_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 of 3, nothing published."""
    base = tmp_path_factory.mktemp("three")
    assert Author(base, None).init(*(f"--signer={name}" for name in NAMES)).code == 0
    return base


@pytest.fixture(scope="session")
def solo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One signer, nothing published."""
    base = tmp_path_factory.mktemp("solo")
    assert Author(base, None).init("--solo", "--signer=Li Wei").code == 0
    return base


@pytest.fixture
def three(three_template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Author:
    """A folder of three signers of one's own."""
    return copy_of(three_template, tmp_path, capsys)


@pytest.fixture
def solo(solo_template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Author:
    """A folder of one signer of one's own."""
    return copy_of(solo_template, tmp_path, capsys)
