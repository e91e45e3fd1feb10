"""What Review lists, against the plain way to say it: all rows, filtered, then sorted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import Catalog, Column, Table, Target
from amx_tui.commands.session import Session
from amx_tui.drafting.model import Alternative, Band, Confidence, Signal, Suggestion
from amx_tui.review.model import Decision, ReviewRow, State, Verdict
from amx_tui.screens.review_listing import Kind, Order, Suggestions, Wanted
from amx_tui.screens.review_rows import counts_of

CATALOG = Catalog(
    tuple(
        Table(schema, name, columns=tuple(Column(c, "TEXT", comment=now) for c, now in columns))
        for schema, name, columns in (
            ("main", "T2", (("ZU", None), ("AB", "now"))),
            ("main", "T1", (("MANDT", None),)),
            ("old", "T3", (("MANDT", None), ("X", "now"))),
        )
    )
)
TARGETS = [
    target
    for table in CATALOG.tables
    for target in (table.target, *(table.column_target(c) for c in table.columns))
] + [Target("gone", "T9", "C")]
INDEX = CatalogIndex(CATALOG)

texts = st.sampled_from(["Company code", "Client", "client of the company", "Amount due", ""])
alternatives = st.builds(Alternative, texts, st.builds(Confidence, st.sampled_from(list(Band))))


def decision(target: Target, verdict: Verdict, text: str, previous: str | None) -> Decision:
    return Decision(1, target, verdict, text if verdict.keeps_text else None, None, previous, 0.0)


@st.composite
def rows(draw: st.DrawFn) -> ReviewRow:
    target = draw(st.sampled_from(TARGETS))
    suggestion = Suggestion(target, tuple(draw(st.lists(alternatives, max_size=3))))
    at = draw(st.sampled_from([0.0, 1.0]))  # with the decision, or after it
    row = ReviewRow.of(suggestion, draw(st.sampled_from([1, 2, None])), "kimi", at)
    if draw(st.booleans()):
        verdict = draw(st.sampled_from(list(Verdict)))
        taken = decision(target, verdict, "Client", draw(st.sampled_from([None, "now"])))
        row = replace(row, decision=taken, written=verdict.keeps_text and draw(st.booleans()))
    return row


wanted = st.builds(
    Wanted,
    state=st.none() | st.sampled_from(list(State)),
    band=st.none() | st.sampled_from(list(Band)),
    kind=st.none() | st.sampled_from(list(Kind)),
    schema=st.none() | st.sampled_from(["main", "old"]),
    table=st.none() | st.just(Target("main", "T2")),
    redrafted=st.none() | st.booleans(),
    words=st.sampled_from(["", "c", "client", "mandt client", "T2.ZU"]),
)


def session_of(found: list[ReviewRow]) -> Session:
    """A session is more than a listing looks at."""
    held = SimpleNamespace(
        rows={row.target: row for row in found}, index=INDEX, catalog=CATALOG, is_whole=True
    )
    return cast(Session, held)


def state_of(row: ReviewRow) -> State:
    return row.state_over(CATALOG.comment(row.target))


def confidence_of(row: ReviewRow) -> tuple[Band, Signal] | None:
    first = (row.suggestion.alternatives or (None,))[0]
    return (first.confidence.band, first.confidence.signal) if first is not None else None


def is_redrafted(row: ReviewRow) -> bool:
    is_decided = row.decision is not None and row.decision.verdict is not Verdict.OPEN
    return is_decided and row.run is not None and row.drafted_at > 0.0


def expected(session: Session, want: Wanted) -> list[Target]:
    def fits(row: ReviewRow) -> bool:
        target, first = row.target, (row.suggestion.alternatives or (None,))[0]
        decided = row.decision.text if row.decision and row.decision.text else ""
        said = " ".join(a.text for a in row.suggestion.alternatives)
        text = f"{target.schema}.{target.path} {said} {decided}".lower()
        return (
            (want.state is None or state_of(row) is want.state)
            and (want.band is None or (first is not None and first.confidence.band is want.band))
            and (want.kind is None or target.is_table == (want.kind is Kind.TABLES))
            and (want.schema is None or target.schema == want.schema)
            and (want.table is None or target.of_table == want.table)
            and (want.run is None or row.run == want.run)
            and (want.redrafted is None or is_redrafted(row) == want.redrafted)
            and all(word in text for word in want.words.lower().split())
        )

    return [t for t in TARGETS if t in session.rows and fits(session.rows[t])]


@given(
    st.lists(rows(), max_size=12),
    wanted,
    wanted,
    st.lists(rows(), max_size=6),
    st.sets(st.sampled_from(TARGETS), max_size=2),
)
def test_a_list_that_is_kept_is_the_list_made_anew(
    found: list[ReviewRow],
    first: Wanted,
    second: Wanted,
    later: list[ReviewRow],
    gone: set[Target],
) -> None:
    session = session_of(found)
    listing = Suggestions(session, first)
    assert [row.target for row in listing] == expected(session, first)
    for row in later:  # drafted, decided, undone
        session.rows[row.target] = row
        listing.update([row.target])
    for target in gone & session.rows.keys():  # undone, and never drafted
        del session.rows[target]
        listing.update([target])
    assert [row.target for row in listing] == expected(session, first)
    listing.filter(second)
    shown = expected(session, second)
    assert [row.target for row in listing] == shown
    assert +listing.counts == Counter(state_of(row) for row in session.rows.values())
    assert listing.total == len(session.rows)
    assert listing.redrafted == sum(map(is_redrafted, session.rows.values()))
    to_do = [row for row in listing if state_of(row) is State.TODO]
    many, confidences = listing.undecided()
    assert list(many) == to_do
    assert Counter(+Counter(confidences)) == Counter(map(confidence_of, to_do))
    for place, target in enumerate(shown):
        assert listing.place_of(target) == place
        assert listing[place].target == target
        below = [*shown[place + 1 :], *shown[:place]]
        undecided = [
            t
            for t in below
            if state_of(session.rows[t]) is (second.state or State.TODO)
            or (second.redrafted and is_redrafted(session.rows[t]))
        ]
        assert listing.next_undecided(target) == (undecided[0] if undecided else None)


def row_of(column: str, *said: tuple[str, Band]) -> ReviewRow:
    made = tuple(Alternative(text, Confidence(band)) for text, band in said)
    return ReviewRow.of(Suggestion(Target("main", "T2", column), made), 1, "kimi", 0.0)


def test_the_order_can_put_first_what_needs_a_look() -> None:
    sure = row_of("ZU", ("Client", Band.HIGH), ("Client number", Band.HIGH))
    unsure = row_of("AB", ("Company code", Band.LOW), ("Delivery block and its reason", Band.LOW))
    session = session_of([sure, unsure])

    def order(by: Order) -> list[str]:
        return [row.target.column for row in Suggestions(session, Wanted(order=by))]

    assert order(Order.PATH) == ["ZU", "AB"]
    assert order(Order.UNSURE) == ["AB", "ZU"]
    assert order(Order.APART) == ["AB", "ZU"]
    assert order(Order.LONG) == ["AB", "ZU"]


def test_what_was_undone_and_never_drafted_leaves_the_list() -> None:
    session = session_of([row_of("ZU", ("Client", Band.HIGH))])
    listing = Suggestions(session, Wanted())
    session.rows.clear()
    listing.update([Target("main", "T2", "ZU")])
    assert len(listing) == listing.total == 0
    assert not +listing.counts


def test_the_counts_fit_the_border_and_begin_with_what_is_to_do() -> None:
    found = [row_of(f"C{number}", ("Client", Band.HIGH)) for number in range(12)]
    for place, verdict in enumerate((Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.LATER)):
        taken = decision(found[place].target, verdict, "Client", None)
        found[place] = replace(found[place], decision=taken)
    listing = Suggestions(session_of(found), Wanted())
    assert counts_of(listing, 60) == "12 suggestions · 9 to do · 2 accepted · 1 later"
    assert counts_of(listing, 40) == "12 suggestions · 9 to do · 2✓ 1»"
    assert counts_of(listing, 20) == "12 · 9 to do · 2✓ 1»"
