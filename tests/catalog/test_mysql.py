"""A MariaDB database as a person browses it, and the comments that are written into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pymysql
import pytest

from amx_tui.catalog.model import CatalogProblem, Change, Connector, Home, Outcome, Target
from amx_tui.catalog.mysql import MysqlConnector
from amx_tui.catalog.opening import open_connection, open_database
from amx_tui.config.model import Privacy

from .conftest import ODD_NAMES, ODD_TEXTS, MariaServer, wait_until

pytestmark = pytest.mark.xdist_group("mariadb")

# MySQL's names and comments hold no character beyond U+FFFF.
_NAMES = [name.replace("🐘", "☎") for name in ODD_NAMES]
_TEXTS = [text.replace("🐘", "☎")[:1024] for text in ODD_TEXTS]

_DATABASE = "Legacy `of` %s"
_QUOTED = "`Legacy ``of`` %s`"
_SCRIPT = r"""
CREATE TABLE t001 (bukrs CHAR(4) PRIMARY KEY COMMENT 'Company code', butxt VARCHAR(25) NOT NULL
    DEFAULT 'none') COMMENT 'Company codes';
CREATE TABLE bseg (
    mandt CHAR(3), bukrs CHAR(4), belnr VARCHAR(10), wrbtr DECIMAL(13,2), aedat DATE, raw BLOB,
    flag BIT(1), half DECIMAL(13,2) AS (wrbtr / 2) VIRTUAL, PRIMARY KEY (belnr, mandt),
    CONSTRAINT company FOREIGN KEY (bukrs) REFERENCES t001 (bukrs)
);
CREATE TABLE odd (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY COMMENT 'COMMENT ''in'' \\ a comment',
    hidden VARCHAR(40) NOT NULL DEFAULT 'a, b) COMMENT ''x'' CHECK' INVISIBLE COMMENT 'old'
        CHECK (hidden <> 'COMMENT ''y'''),
    ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    zero DATETIME DEFAULT '0000-00-00 00:00:00',
    latin VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german1_ci DEFAULT 'ä',
    kind ENUM('a', 'b,)', 'it''s') DEFAULT 'b,)',
    expr VARCHAR(40) DEFAULT (CONCAT('🐘', 'COMMENT', '(')),
    checked INT DEFAULT 1 COMMENT 'old' CHECK (checked > 0 AND checked <> 7),
    elephant VARCHAR(9) CHECK (elephant <> '🐘?'),
    virt INT GENERATED ALWAYS AS (checked + 1) VIRTUAL,
    stored INT GENERATED ALWAYS AS (checked + 2) STORED,
    doc JSON,
    beyond VARCHAR(9) DEFAULT '🐘',
    `we``ird 'n "x" -- COMMENT` INT,
    KEY k (checked) COMMENT 'an index',
    CHECK (hidden <> 'c')
) COMMENT='of the ''table'' \\ \n here' CHECKSUM=1;
CREATE VIEW open_items AS SELECT belnr, wrbtr AS amount FROM bseg;
CREATE VIEW slow AS SELECT SLEEP(30) AS x FROM bseg;
CREATE VIEW broken AS SELECT belnr FROM bseg;
INSERT INTO t001 VALUES ('1000', 'x');
INSERT INTO bseg (mandt, bukrs, belnr, wrbtr, aedat, raw, flag) VALUES
    ('100', '1000', '4711', 12.5, '2024-02-29', X'ff00', b'1'),
    ('100', NULL, '4712', 1000, '9999-12-31', NULL, b'0');
INSERT INTO odd (hidden) VALUES ('kept');
"""


@pytest.fixture
def database(mariadb: MariaServer) -> Iterator[str]:
    """A database of the test's own; it yields its name."""
    mariadb.ask(f"CREATE DATABASE {_QUOTED}", f"USE {_QUOTED}", _SCRIPT)
    yield _DATABASE
    mariadb.ask(f"DROP DATABASE {_QUOTED}")


@pytest.fixture
def connector(mariadb: MariaServer, database: str) -> Iterator[Connector]:
    connector = open_database(mariadb.url(database))
    yield connector
    connector.close()


def target(table: str, column: str = "") -> Target:
    return Target(_DATABASE, table, column)


def show_create(mariadb: MariaServer, table: str) -> str:
    return mariadb.ask(f"SHOW CREATE TABLE {_QUOTED}.`{table}`").partition("\t")[2]


def test_tables_columns_keys_and_comments_are_read(connector: Connector) -> None:
    catalog = connector.load()
    assert [(t.schema, t.name, t.kind.value, t.comment) for t in catalog.tables] == [
        (_DATABASE, "broken", "view", None),
        (_DATABASE, "bseg", "table", None),
        (_DATABASE, "odd", "table", "of the 'table' \\ \n here"),
        (_DATABASE, "open_items", "view", None),
        (_DATABASE, "slow", "view", None),
        (_DATABASE, "t001", "table", "Company codes"),
    ]
    bseg, t001 = catalog.tables[1], catalog.tables[5]
    assert [(c.name, c.type, c.key_position) for c in bseg.columns] == [
        ("mandt", "char(3)", 2),
        ("bukrs", "char(4)", 0),
        ("belnr", "varchar(10)", 1),
        ("wrbtr", "decimal(13,2)", 0),
        ("aedat", "date", 0),
        ("raw", "blob", 0),
        ("flag", "bit(1)", 0),
        ("half", "decimal(13,2)", 0),
    ]
    assert bseg.columns[1].references == target("t001", "bukrs")
    assert bseg.columns[1].default is None
    assert bseg.columns[7].default == "`wrbtr` / 2"
    assert (t001.columns[1].nullable, t001.columns[1].default) == (False, "'none'")
    assert catalog.comment(target("t001", "bukrs")) == "Company code"
    assert [t.name for t in connector.tables()] == [t.name for t in catalog.tables]


def test_without_a_database_all_of_them_are_shown(mariadb: MariaServer, database: str) -> None:
    connector = open_database(mariadb.url())
    assert {table.schema for table in connector.load().tables} == {database}
    connector.close()


def test_evidence_shows_no_more_than_the_privacy_allows(
    connector: Connector, mariadb: MariaServer
) -> None:
    catalog = connector.load()
    broken, bseg, slow = catalog.tables[0], catalog.tables[1], catalog.tables[4]
    names = [column.name for column in bseg.columns]
    assert connector.evidence(bseg, names, Privacy.METADATA) == {}
    shapes = connector.evidence(bseg, names, Privacy.SHAPES)
    assert shapes["belnr"].samples == ("9999",)
    assert (shapes["bukrs"].null_share, shapes["belnr"].distinct) == (0.5, 2)
    values = connector.evidence(bseg, names, Privacy.VALUES)
    assert set(values["wrbtr"].samples) == {"12.50", "1000.00"}
    assert values["raw"].samples == ("(binary)",)
    assert set(values["flag"].samples) == {"0", "1"}
    assert "9999-12-31" in values["aedat"].samples
    # Too slow, and impossible: nothing to tell, and the connection goes on.
    mariadb.ask(f"ALTER TABLE {_QUOTED}.bseg DROP PRIMARY KEY, DROP COLUMN belnr")
    assert connector.evidence(slow, ["x"], Privacy.SHAPES)["x"].samples == ()
    assert connector.evidence(broken, ["belnr"], Privacy.SHAPES)["belnr"].samples == ()
    assert connector.tables()


def test_metadata_asks_the_server_for_nothing(connector: Connector) -> None:
    assert isinstance(connector, MysqlConnector)
    bseg = connector.load().tables[1]
    connector.close()
    assert connector.evidence(bseg, ["belnr"], Privacy.METADATA) == {}
    assert connector._server._reader is None


def test_browsing_can_write_nothing(connector: Connector, mariadb: MariaServer) -> None:
    assert isinstance(connector, MysqlConnector)
    connector.load()
    reader = connector._server._connect_reader()
    for statement in (
        f"ALTER TABLE {_QUOTED}.bseg COMMENT 'x'",
        f"DELETE FROM {_QUOTED}.bseg",
        f"CREATE TABLE {_QUOTED}.more (a INT)",
    ):
        with reader.cursor() as cursor, pytest.raises(pymysql.Error, match="READ ONLY"):
            cursor.execute(statement)


def test_comments_of_every_kind_are_written_and_nothing_else_changes(
    connector: Connector, mariadb: MariaServer
) -> None:
    before = show_create(mariadb, "odd")
    columns = ["id", "hidden", "ts", "zero", "latin", "kind", "expr", "checked", "elephant", "virt"]
    columns += ['we`ird \'n "x" -- COMMENT', ""]
    catalog = connector.load()
    changes = [
        Change(target("odd", column), catalog.comment(target("odd", column)), _TEXTS[at % 5])
        for at, column in enumerate(columns)
    ]
    assert connector.abilities.home is Home.DATABASE
    for change, statement in zip(changes, connector.statements(changes), strict=True):
        assert statement.startswith(f"ALTER TABLE {_QUOTED}.`odd` ")
        assert statement.endswith(", ALGORITHM=INSTANT"), change
    written = list(connector.write(changes))
    assert [(w.outcome, w.detail) for w in written] == [(Outcome.WRITTEN, "")] * len(changes)
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]

    back = [Change(c.target, c.new, c.old) for c in changes]
    assert {w.outcome for w in connector.write(back)} == {Outcome.WRITTEN}
    assert show_create(mariadb, "odd") == before
    # The default that no dictionary can show is still an elephant.
    mariadb.ask(f"INSERT INTO {_QUOTED}.odd (hidden) VALUES ('x')")
    assert "🐘" in mariadb.ask(f"SELECT expr, beyond FROM {_QUOTED}.odd WHERE hidden = 'x'")


def test_statements_are_what_the_server_takes_word_for_word(
    connector: Connector, mariadb: MariaServer
) -> None:
    text = 'It\'s \\ "new"\n☎'
    (statement,) = connector.statements([Change(target("odd", "checked"), "old", text)])
    assert statement == (
        f"ALTER TABLE {_QUOTED}.`odd` MODIFY COLUMN `checked` int(11) DEFAULT 1 COMMENT "
        "'It\\'s \\\\ \\\"new\\\"\\n☎' CHECK (`checked` > 0 and `checked` <> 7), ALGORITHM=INSTANT"
    )
    mariadb.ask(statement)
    assert connector.load().comment(target("odd", "checked")) == text


@pytest.mark.parametrize(
    ("table", "column", "text", "words"),
    [
        ("odd", "stored", "x", "rebuild"),
        ("odd", "doc", "x", "rebuild"),
        ("odd", "beyond", "x", "question mark"),
        ("odd", "ts", "an 🐘", "U+FFFF"),
        ("odd", "ts", "x" * 1025, "1024"),
        ("odd", "", "x" * 2049, "2048"),
        ("open_items", "amount", "x", "no comments on views"),
        ("open_items", "", "x", "no comments on views"),
    ],
)
def test_what_cannot_be_written_safely_is_refused_and_the_rest_is_written(
    connector: Connector, mariadb: MariaServer, table: str, column: str, text: str, words: str
) -> None:
    before = show_create(mariadb, "odd")
    refused = Change(target(table, column), connector.load().comment(target(table, column)), text)
    other = Change(target("odd", "zero"), None, "Zero")
    results = {w.change: w for w in connector.write([refused, other])}
    assert results[refused].outcome is Outcome.REFUSED
    assert words in results[refused].detail
    assert "export" in results[refused].detail
    assert results[other].outcome is Outcome.WRITTEN
    assert show_create(mariadb, "odd").replace(" COMMENT 'Zero'", "") == before


def test_odd_names_and_texts_are_read_back(connector: Connector, mariadb: MariaServer) -> None:
    quoted = ["`" + name.replace("`", "``") + "`" for name in _NAMES]
    columns = ", ".join(f"{name} INT DEFAULT 1 CHECK ({name} > 0)" for name in quoted)
    mariadb.ask(f"USE {_QUOTED}", *(f"CREATE TABLE {name} ({columns})" for name in quoted))
    catalog = connector.load()
    made = [table for table in catalog.tables if table.name in _NAMES]
    assert {table.name for table in made} == set(_NAMES)
    assert set(connector.evidence(made[0], _NAMES, Privacy.SHAPES)) == set(_NAMES)
    changes = [
        Change(target(name, column), None, _TEXTS[at % len(_TEXTS)])
        for at, name in enumerate(_NAMES)
        for column in ("", name)
    ]
    assert {(w.outcome, w.detail) for w in connector.write(changes)} == {(Outcome.WRITTEN, "")}
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]


def test_two_sessions_that_change_the_same_comment_overwrite_nothing(
    connector: Connector, mariadb: MariaServer
) -> None:
    connector.load()
    mariadb.ask(f"ALTER TABLE {_QUOTED}.t001 MODIFY bukrs CHAR(4) COMMENT 'theirs'")
    changes = [
        Change(target("t001", "bukrs"), "Company code", "ours"),
        Change(target("t001", "butxt"), None, "Name"),
        Change(target("t001", "gone"), None, "x"),
        Change(target("gone"), None, "x"),
    ]
    outcomes = [w.outcome for w in connector.write(changes)]
    assert outcomes == [
        Outcome.CHANGED_MEANWHILE,
        Outcome.WRITTEN,
        Outcome.FAILED,
        Outcome.FAILED,
    ]
    catalog = connector.load()
    assert catalog.comment(target("t001", "bukrs")) == "theirs"
    assert catalog.comment(target("t001", "butxt")) == "Name"
    # Repeated, nothing is written twice, and taken back.
    assert [w.detail for w in connector.write(changes[1:2])] == ["It already said so."]
    (undone,) = connector.write([Change(target("t001", "butxt"), "Name", None)])
    assert undone.outcome is Outcome.WRITTEN
    assert connector.load().comment(target("t001", "butxt")) is None


def test_two_writers_at_once_leave_one_text_and_know_whose(
    mariadb: MariaServer, database: str
) -> None:
    outcomes: dict[str, Outcome] = {}

    def write(text: str) -> None:
        connector = open_database(mariadb.url(database))
        start.wait()
        (written,) = connector.write([Change(target("t001", "butxt"), None, text)])
        outcomes[text] = written.outcome
        connector.close()

    start = threading.Barrier(4)
    threads = [threading.Thread(target=write, args=(f"text {at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connector = open_database(mariadb.url(database))
    stands = connector.load().comment(target("t001", "butxt"))
    connector.close()
    assert [text for text, outcome in outcomes.items() if outcome is Outcome.WRITTEN] == [stands]
    assert sorted(outcomes.values()) == [*[Outcome.CHANGED_MEANWHILE] * 3, Outcome.WRITTEN]


def test_a_table_in_use_is_given_up_soon_and_the_next_one_written(
    connector: Connector, mariadb: MariaServer
) -> None:
    changes = [
        Change(target("bseg", "mandt"), None, "Client"),
        Change(target("t001", "butxt"), None, "Name"),
    ]
    other = pymysql.connect(unix_socket=str(mariadb.socket), user="root", database=_DATABASE)
    with other.cursor() as cursor:
        cursor.execute("SELECT belnr FROM bseg")
        written = list(connector.write(changes))
    other.close()
    assert [w.outcome for w in written] == [Outcome.FAILED, Outcome.WRITTEN]
    assert "Another session" in written[0].detail
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [None, "Name"]


def test_who_may_not_alter_is_refused_and_told_what_it_takes(
    mariadb: MariaServer, database: str
) -> None:
    pattern = _QUOTED.replace("%", "\\%")
    mariadb.ask("CREATE USER guest", f"GRANT SELECT, LOCK TABLES ON {pattern}.* TO guest")
    try:
        connector = open_database(mariadb.url(database, "guest"))
        changes = [Change(target("t001", "butxt"), None, "x")]
        assert connector.load().tables
        (written,) = connector.write(changes)
        connector.close()
    finally:
        mariadb.ask("DROP USER guest")
    assert written.outcome is Outcome.REFUSED
    assert "ALTER" in written.detail


def test_a_lost_connection_is_told_and_made_anew(
    connector: Connector, mariadb: MariaServer
) -> None:
    connector.load()
    _cut_all(mariadb)
    with pytest.raises(CatalogProblem) as caught:
        connector.load()
    assert "lost" in caught.value.what
    assert "Press r" in caught.value.remedy
    assert connector.load().tables


def _cut_all(mariadb: MariaServer) -> None:
    others = "FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()"
    for number in mariadb.ask(f"SELECT id {others}").split():
        mariadb.ask(f"KILL {number}")
    wait_until(lambda: mariadb.ask(f"SELECT COUNT(*) {others}") == "0")


def test_a_connection_cut_in_mid_apply_counts_nothing_that_is_not_there(
    connector: Connector, mariadb: MariaServer
) -> None:
    changes = [
        Change(target("bseg", "mandt"), None, "Client"),
        Change(target("t001", "butxt"), None, "Name"),
    ]
    results = connector.write(changes)
    first = next(results)
    connector.close()
    _cut_all(mariadb)
    outcomes = [first.outcome, *(written.outcome for written in results)]
    assert outcomes == [Outcome.WRITTEN, Outcome.FAILED]
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == ["Client", None]
    assert [w.outcome for w in connector.write(changes)] == [Outcome.WRITTEN] * 2


def test_the_identity_is_the_same_whoever_connects_and_holds_no_password(
    mariadb: MariaServer, database: str
) -> None:
    mariadb.ask("CREATE USER other IDENTIFIED BY 'hunt@er/2'", "GRANT ALL ON *.* TO other")
    try:
        first = open_database(mariadb.url(database, "other", "hunt@er/2"))
        settings = {"unix_socket": str(mariadb.socket), "user": "root", "database": database}
        second = open_connection("MariaDB", {**settings, "port": "5432"}, "books")
    finally:
        mariadb.ask("DROP USER other")
    assert first.identity == second.identity
    assert first.identity.startswith("mysql://")
    assert (first.label, second.label) == (f"{database} (mariadb)", "books (mariadb)")
    assert first.dialect == "mysql"
    assert "hunt@er/2" not in repr(first) + first.identity + first.label
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("user", "name", "words"), [("nobody_here", "", "password"), ("root", "nothing", "name")]
)
def test_a_wrong_user_or_database_is_told(
    mariadb: MariaServer, user: str, name: str, words: str
) -> None:
    password = "hunter2" if user != "root" else ""
    with pytest.raises(CatalogProblem) as caught:
        open_database(mariadb.url(name, user, password))
    assert words in caught.value.remedy
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://me:hunter2@127.0.0.1:1/db", "host and the port"),
        ("mariadb://me:hunter2@/db?unix_socket=/nowhere", "the server runs"),
        ("mysql://me:hunter2@127.0.0.1:99999/db", "65535"),
    ],
)
def test_a_server_that_is_not_there_is_told(url: str, words: str) -> None:
    with pytest.raises(CatalogProblem) as caught:
        open_database(url)
    assert words in caught.value.remedy
    assert "hunter2" not in str(caught.value)
