"""My device as HTML: whole, escaped, nobody else's, the next thing first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.report.device_page.html import visible
from agent.report.device_page.material import Material
from agent.report.device_page.page import CONTENT_POLICY, device_page
from tests.fakes.device_views import HOSTILE, a_finding, a_quarantine, hostile, machine, material, own, reports

VOID = {"meta", "link"}
KNOWN = set("a article body caption code dd details div dl dt footer h1 h2 h3 h4 head header html li link main".split())
KNOWN |= set("meta nav ol p pre q section small span strong style summary table tbody td th thead time title".split())
KNOWN |= {"tr", "ul"}
ATTRIBUTES = set("aria-label aria-labelledby charset class content datetime dir href http-equiv id lang name".split())
ATTRIBUTES |= {"open", "rel", "role", "scope", "tabindex", "translate"}


class Reader(HTMLParser):
    """Reads a page as a browser does; what it meets must be ours and closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.levels: list[int] = []
        self.said: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"] or "")
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag in ("h1", "h2", "h3", "h4"):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self) -> str:
        """Everything that is to be read."""
        return " ".join(self.said)


def read(given: Material) -> Reader:
    page = device_page(given)
    assert f'content="{CONTENT_POLICY}"' in page
    return Reader(page)


PAGES = {
    "an ordinary machine": material(),
    "an ordinary machine in Chinese": material("zh-Hans"),
    "a machine whose every name is an attack": hostile(),
    "a machine without a policy": material(machine=machine(policy={"id": None}), rulebook={}, own={"findings": []}),
    "a view of another form": material(machine={}, own={"findings": {}, "history": 7, "reports": [{}]}, rulebook={}),
}


@pytest.mark.parametrize("given", PAGES.values(), ids=PAGES)
def test_a_page_is_whole_and_asks_for_nothing(given: Material) -> None:
    page = read(given)
    assert all(link.startswith(("#", "https://", "mailto:")) for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert page.levels[0] == 1 and page.levels.count(1) == 1
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*own(), *a_finding(), *machine(), "report", "where"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(JSON, JSON, JSON)
def test_no_view_breaks_the_page_or_gets_out_of_its_text(machine: object, own: object, rulebook: object) -> None:
    values = [value if isinstance(value, dict) else {"findings": value} for value in (machine, own, rulebook)]
    page = read(material(machine=values[0], own=values[1], rulebook=values[2]))
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(page.text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\u200bb", "a\\u200bb"),
        ("caf\udce9", "caf\\udce9"),
        ("\U000e0041", "\\U000e0041"),
        ("李伟", "李伟"),
    ],
    ids=["letters", "an escape", "a turned name", "a name with nothing in it", "no UTF-8", "tags", "Chinese"],
)
def test_what_hides_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_person_reads_nothing_of_others_and_root_whose_it_is() -> None:
    mine = read(material()).text
    assert "Whose" not in mine and "for you alone" in mine and "you see your own" in mine
    root = read(material(everything=True, held=[a_quarantine(id="q-of-wang", path="/home/wang/x")])).text
    assert all(said in root for said in ("Whose", "/home/wang/x", "for everything on it"))


def test_everything_that_matters_stands_on_it() -> None:
    page = read(material())
    for said in (
        *("1 tool here is not allowed", "in 41 hours", "Wang Fang, Chen Jie", "3 minutes ago", "signatures verified"),
        *("Information Security", "SEC-2026-114", "(confirmed; disputed by vendor", "fixed in 2.1.198"),
        *("the name of the package; texts inside the file (certain)", "running program, process 4711"),
        *("Fri 24 July 2026, 09:00", "Your exception ends.", "x-2026-31", "Thesis until August"),
        *("interdict explain /home/li/.npm-global", "interdict request-exception claude-code"),
        *("sudo interdict quarantine restore q-7h3kx9pm", "permission denied", "/usr/lib/node_modules"),
        *(
            "your documents, mail, chats and pictures",
            "https://console.example.com",
            "Times are those of Asia/Shanghai.",
        ),
    ):
        assert said in page.text, said
    assert "https://qoder.com" in page.links


def test_every_report_stands_on_it_word_for_word() -> None:
    sent = [*reports(), {"sent_at": "2026-07-08T07:50:00Z", "report": {"v": 1, "findings": ["x" * 30_000]}}]
    text = read(material(own=own(reports=sent))).text
    assert all(json.dumps(row["report"], indent=2, ensure_ascii=False) in text for row in sent)


def steps(given: Material) -> Iterator[str]:
    text = device_page(given).split('class="timeline">')[1].split("</ol>")[0]
    yield from (part.split(">", 1)[1].split("</time>")[0] for part in text.split("<time")[1:])


def test_what_comes_first_stands_first() -> None:
    assert list(steps(material())) == [
        "Fri 10 July 2026, 09:00",
        "Fri 24 July 2026, 09:00",
        "Sat 1 August 2026, 08:00",
    ]


@pytest.mark.parametrize(
    ("findings", "banner"),
    [
        ([a_finding(finish_until="2026-07-08T08:30:00Z")], "Wed 8 July 2026, 16:30 · in 30 minutes"),
        ([a_finding(action="remove", state="active", next=None)], "Claude Code: it is removed"),
        ([a_finding(next=None)], "Nothing more is going to happen by itself."),
        ([], "Nothing more is going to happen by itself."),
    ],
    ids=["what runs is ended first", "what is in force without an end", "who was told and no more", "nothing here"],
)
def test_the_banner_says_the_most_urgent_thing(findings: list[object], banner: str) -> None:
    page = device_page(material(own=own(findings=findings)))
    assert banner in page.split('class="banner')[1].split("</p>")[0]


def test_what_was_put_back_is_not_offered_again() -> None:
    history = [*own()["history"], {"event": "outcome", "result": "restored", "path": "/home/li/Downloads/claude"}]
    page = read(material(own=own(history=history))).text
    assert "put back" in page and "quarantine restore" not in page


def test_where_nothing_is_sent_it_says_so() -> None:
    assert "nothing leaves this machine" in read(material(server="")).text


@pytest.mark.parametrize("path", ["/home/li/a b", "/home/li/$(touch x)", "/home/li/it's", "-rf"])
def test_a_command_on_the_page_can_be_pasted(path: str) -> None:
    import shlex

    given = material(own=own(findings=[a_finding(path=path)]))
    (command,) = [said for said in read(given).said if said.startswith("interdict explain")]
    assert shlex.split(command)[-1] == path
