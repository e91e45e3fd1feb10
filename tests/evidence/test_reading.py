"""What is made of a file: clean lines in their places, without secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amx_tui.evidence.folders import File, find_files
from amx_tui.evidence.model import Skipped
from amx_tui.evidence.reading import Unreadable, make_safe, read_parts


def file_of(path: Path) -> File:
    (found,) = find_files([path]).files
    return found


def pdf_of(*lines: str) -> bytes:
    """A PDF of one page that says these lines."""
    said = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
    stream = f"BT /F1 12 Tf 72 720 Td {said} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    data = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(data)
    data += b"xref\n0 6\n0000000000 65535 f \n" + table
    return data + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter2hunter2",
        'API_KEY = "hunter2hunter2"',
        '  "client_secret": "hunter2hunter2",',
        "CREATE USER amx IDENTIFIED BY 'hunter2hunter2';",
        "ALTER ROLE amx PASSWORD 'hunter2hunter2';",
        "postgresql://amx:hunter2hunter2@db/legacy",
        "Authorization: Bearer hunter2hunter2",
        "the key is sk-hunter2hunter2hunter2",
        "Passwort = hunter2hunter2",
        "x" * 3_000 + " password=hunter2hunter2",
    ],
)
def test_a_secret_in_a_text_is_a_shape(line: str) -> None:
    assert "hunter2" not in make_safe(f"before\n{line}\nafter")
    assert make_safe(f"before\n{line}\nafter").split("\n")[::2] == ["before", "after"]


def test_a_private_key_in_a_text_is_a_shape() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcDEF\nqqq\n-----END RSA PRIVATE KEY-----"
    safe = make_safe(f"{key}\nBUKRS is the company code")
    assert "MIIE" not in safe and "qqq" not in safe
    assert safe.split("\n")[-1] == "BUKRS is the company code"


@pytest.mark.parametrize(
    "line",
    [
        "| BUKRS | CHAR(4) | Company code, see T001 |",
        "The token is what the till prints; X_CUSTOMER_ORDER_HISTORY_2019 keeps it.",
        "    password VARCHAR(64) NOT NULL,",
        "FROM etl/load/2019/customer_orders_daily JOIN stage.orders_2020_q1",
    ],
)
def test_what_tells_of_columns_stays_as_it_is(line: str) -> None:
    assert make_safe(line) == line


@settings(deadline=None)
@given(st.text())
@example("a\r\nb\rc\x0bd\x0ce\u2028f\x85g")
@example("\x1b]0;title\n\x07 \x1b[31m")
def test_every_line_keeps_its_number_and_no_control_character_is_left(text: str) -> None:
    safe = make_safe(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert safe.count("\n") == lines.count("\n")
    assert all(
        sign == "\n" or sign.isprintable() or sign.isspace() or ord(sign) > 127 for sign in safe
    )
    assert "\x1b" not in safe and "\r" not in safe


def test_a_line_without_end_is_looked_through_quickly() -> None:
    # Some patterns take the square of a word's length; this would take hours.
    assert "b" not in make_safe("b" * 1_500_000 + "@")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Straße".encode(), "Straße"),
        ("Straße".encode("latin-1"), "Straße"),
        ("Straße".encode("utf-16"), "Straße"),
        (b"\xef\xbb\xbfBUKRS", "BUKRS"),
        (b"", ""),
    ],
)
def test_a_text_is_read_in_whatever_encoding(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.md").write_bytes(data)
    assert [part.text for part in read_parts(file_of(tmp_path / "a.md"))] == [text]


def test_a_binary_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"SQLite format 3\0\1\2")
    with pytest.raises(Unreadable) as told:
        read_parts(file_of(tmp_path / "a.sql"))
    assert told.value.why is Skipped.BINARY


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("harmless")
    found = file_of(tmp_path / "a.md")
    (tmp_path / "elsewhere").write_text("secret")
    found.path.unlink()
    found.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable):
        read_parts(found)


def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    (tmp_path / "guide.pdf").write_bytes(pdf_of("BUKRS is the company code", "password: hunter2"))
    (part,) = read_parts(file_of(tmp_path / "guide.pdf"))
    assert part.page == 1
    assert "BUKRS is the company code" in part.text and "hunter2" not in part.text


def test_a_word_document_is_read_with_its_titles_and_tables(tmp_path: Path) -> None:
    from docx import Document

    document = Document()
    document.add_heading("BSEG", level=2)
    document.add_paragraph("Segments of documents.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "BUKRS", "Company code"
    document.save(str(tmp_path / "guide.docx"))
    (part,) = read_parts(file_of(tmp_path / "guide.docx"))
    assert part.text.split("\n") == [
        "## BSEG",
        "Segments of documents.",
        "| BUKRS | Company code |",
    ]


@pytest.mark.parametrize("name", ["guide.pdf", "guide.docx"])
def test_without_the_extra_they_are_counted(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    monkeypatch.setitem(sys.modules, "docx", None)
    (tmp_path / name).write_bytes(pdf_of("BUKRS"))
    with pytest.raises(Unreadable) as told:
        read_parts(file_of(tmp_path / name))
    assert told.value.why is Skipped.LACKS_EXTRA


@pytest.mark.parametrize("name", ["guide.pdf", "guide.docx"])
@pytest.mark.parametrize("data", [b"", b"no such thing", b"PK\3\4 broken", b"%PDF-1.4\nbroken"])
def test_a_damaged_one_is_counted(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unreadable) as told:
        read_parts(file_of(tmp_path / name))
    assert told.value.why is Skipped.UNREADABLE
