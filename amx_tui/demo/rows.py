"""The rows of the demo's database: one small wholesaler of screws, told by thirty years of tables.

The same rows in every build, because the replayed answers point to them. Documents balance, orders
add up, and foreign keys hold; it knows nothing of SQL or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from amx_tui.demo.firm import (
    ACCOUNTS,
    BOOKABLE,
    COMPANIES,
    COMPANY_OF_COUNTRY,
    COST_CENTRES,
    CURRENCY_OF_COUNTRY,
    EUR_FOR,
    EXPENSES,
    FINISHES,
    FIRST_NAMES,
    HOUSE_CURRENCY,
    LANGUAGE_OF_COUNTRY,
    NET_DAYS,
    SHAPES,
    SITE_OF_COMPANY,
    SITES,
    SIZES,
    STREETS,
    SURNAMES,
    TERMS,
    TOWN_WEIGHTS,
    TOWNS,
    TRADES,
    USERS,
)

Value = str | int | float | None
Row = dict[str, Value]

_SEED = 1994
_CLIENT = "100"
_FIRST_DAY = date(2022, 1, 3)
_LAST_DAY = date(2023, 12, 29)


def _day(when: date) -> str:
    return when.strftime("%Y%m%d")


def _base36(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text


def _check_digit(text: str) -> str:
    """Modulo 11 over the characters, as old batch programs did it: ten is written as X."""
    total = sum(weight * ord(character) for weight, character in enumerate(text, start=2))
    return "0123456789X"[total % 11]


def _in_ascii(text: str) -> str:
    return text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")


def _maybe(rng: Random, share: float, value: Value) -> Value:
    """`value` in `share` of the cases, else nothing."""
    return value if rng.random() < share else None


def _flag(rng: Random, share: float) -> str:
    return "X" if rng.random() < share else ""


def make_rows() -> Mapping[str, list[Row]]:
    """All rows by table, in an order in which they can be inserted. The same in every call."""
    rng = Random(_SEED)
    customers = _make_customers(rng)
    suppliers = _make_suppliers(rng, customers)
    articles = _make_articles(rng)
    contacts = _make_contacts(rng, customers)
    opportunities = _make_opportunities(rng, contacts)
    orders, items = _make_orders(rng, customers, articles, opportunities)
    ledger = _Ledger(rng)
    invoices = _invoice(rng, ledger, orders, items, customers)
    _book_suppliers(rng, ledger, suppliers)
    _book_transfers(rng, ledger)
    _sum_open_items(customers, ledger)
    runs = _make_runs(rng)
    return {
        "T001": _make_companies(),
        "T052": [
            {
                "MANDT": _CLIENT,
                "ZTERM": code,
                "NET_TG": net,
                "SK1_TG": days1,
                "SK1_PZ": percent1,
                "SK2_TG": days2,
                "SK2_PZ": percent2,
                "BAS_KZ": baseline,
            }
            for code, net, days1, percent1, days2, percent2, baseline in TERMS
        ],
        "WKURS": _make_rates(rng),
        "SKO1": [
            {
                "MANDT": _CLIENT,
                "KTO_SK": number,
                "KTO_PLAN": "HSW1",
                "KTO_BEZ": name,
                "BIL_GUV_KZ": side,
                "ABST_KZ": reconciles,
                "SPR_KZ": locked,
            }
            for number, name, side, reconciles, locked in ACCOUNTS
        ],
        "KST_TB": [
            {
                "KST_CD": code,
                "KST_BEZ": name,
                "KST_HIER": parent,
                "MGR_PNR": manager,
                "VAL_FR": "19890101" if legacy else "20110401",
                "VAL_TO": to,
                "X_LEGACY_FLG": legacy,
            }
            for code, name, parent, manager, to, legacy in COST_CENTRES
        ],
        "BKPF": ledger.documents,
        "WRK_STO_TB": [
            {
                "WRK_STO_CD": code,
                "WS_TYP": kind,
                "WS_BEZ": name,
                "MANDT": _CLIENT,
                "BUKRS": company,
                "CAL_CD": calendar,
                "X_HAZ": dangerous,
                "CLS_DT": closed,
            }
            for code, kind, name, company, calendar, dangerous, closed in SITES
        ],
        "KDSTM": customers,
        "LFSTM": suppliers,
        "BSEG": ledger.lines,
        "ARTST": articles,
        "LGBST": _make_stock(rng, articles),
        "CRM_CNTCT": contacts,
        "CRM_OPP": opportunities,
        "AUFKO": orders,
        "AUFPO": items,
        "FAKKO": invoices,
        "IF_RUN": runs,
        "MIG_XREF": _make_migrated(rng, customers, suppliers, articles, runs),
    }


def _make_companies() -> list[Row]:
    return [
        {
            "MANDT": _CLIENT,
            "BUKRS": code,
            "FIRM_BEZ": name,
            "LKZ": country,
            "WAERS": currency,
            "KTO_PLAN": "HSW1",
            "GJ_VAR": variant,
            "UST_ID": vat,
            "KZ_KONS": consolidation,
        }
        for code, name, country, currency, variant, vat, consolidation in COMPANIES
    ]


def _make_rates(rng: Random) -> list[Row]:
    months = [date(year, month, 1) for year in (2022, 2023) for month in range(1, 13)]
    dates = {"MITT": months, "STIC": months[2::3], "BUDG": months[::12]}
    rows: list[Row] = []
    for kind, when in dates.items():
        for currency in ("CHF", "PLN", "USD", "GBP"):
            units = 100 if currency == "PLN" else 1
            for day in when:
                rate = EUR_FOR[currency] * units * rng.uniform(0.96, 1.04)
                rows.append(
                    {
                        "MANDT": _CLIENT,
                        "KURS_TYP": kind,
                        "VON_WAERS": currency,
                        "NACH_WAERS": "EUR",
                        # Kept inverted, so that the newest rate is the first in the index.
                        "DAT_INV": str(99_999_999 - int(_day(day))),
                        "KURS": round(rate, 5),
                        "EINH_FKT": units,
                    }
                )
    return rows


def _make_customers(rng: Random) -> list[Row]:
    rows: list[Row] = []
    for index in range(140):
        town, postal, country, region, dialling = rng.choices(TOWNS, TOWN_WEIGHTS)[0]
        surname = SURNAMES[index % len(SURNAMES)]
        trade, industry = TRADES[(index // len(SURNAMES) + index) % len(TRADES)]
        created = date(1989, 3, 1) + timedelta(days=index * 88 + rng.randrange(60))
        is_old = created < date(2002, 1, 1)
        is_german = country == "DE"
        number = f"{10_000 + index * 7:010d}"
        domain = _in_ascii(f"{surname}-{trade}".lower())
        limit = rng.choice((5_000, 10_000, 10_000, 25_000, 50_000, 120_000))
        rows.append(
            {
                "MANDT": _CLIENT,
                "KD_NR": number,
                "KD_NAME1": f"{surname} {trade} {'GmbH' if rng.random() < 0.7 else 'KG'}",
                "KD_NAME2": _maybe(rng, 0.18, f"z.Hd. {rng.choice(FIRST_NAMES)} {surname}"),
                "SUCHB": _in_ascii(surname.lower()).upper()[:10],
                "STR_HNR": _maybe(rng, 0.95, f"{rng.choice(STREETS)} {rng.randrange(1, 190)}"),
                "PLZ": postal,
                "ORT": town,
                "ORTST": _maybe(rng, 0.12, rng.choice(("Nord", "Süd", "Altstadt", "Hafen"))),
                "LKZ": country,
                "REG_CD": region,
                "PF_NR": _maybe(rng, 0.22, f"{rng.randrange(10, 99)} {rng.randrange(10, 99)} {rng.randrange(10, 99)}"),
                "PF_PLZ": None,
                "SPR_CD": LANGUAGE_OF_COUNTRY.get(country, "D"),
                "TEL_1": f"{dialling} {rng.randrange(200_000, 999_999)}",
                "TELEX_NR": _maybe(rng, 0.3 if is_old else 0.0, f"{rng.randrange(200_000, 890_000)} hsw d"),
                "FAX_NR": _maybe(rng, 0.75 if is_old else 0.2, f"{dialling} {rng.randrange(200_000, 999_999)}"),
                "EMAIL_AD": _maybe(rng, 0.7, f"rechnung@{domain}.example"),
                "BTX_KZ": "",
                "UST_ID": _maybe(rng, 0.8, f"{country}{rng.randrange(10**8, 10**9)}") if country not in ("US", "CH") else None,
                "STEU_NR": f"{rng.randrange(10, 99)}/{rng.randrange(100, 999)}/{rng.randrange(10_000, 99_999)}" if is_german else None,
                "HR_NR": _maybe(rng, 0.6, f"HRB {rng.randrange(1_000, 99_999)}") if is_german else None,
                "BRANCH_CD": industry,
                "KD_KL": rng.choices("ABCD", (1, 3, 6, 2))[0],
                "KD_GRP": rng.choice(("01", "01", "02", "03", "10")),
                "VTR_NR": _maybe(rng, 0.85, f"{rng.choice((342, 355, 361, 377, 390)):06d}"),
                "VK_GEB": f"{country}{'N' if region in ('HH', 'HB', 'SH', 'NI', 'MV') else 'S'}1",
                "PRS_LST": rng.choice(("00", "00", "01", "05", "H1")),
                "RAB_GR": _maybe(rng, 0.4, rng.choice(("R1", "R2", "R3", "R9"))),
                "BON_KZ": rng.choices("JN", (3, 7))[0],
                "ZTERM": rng.choices([code for code, *_ in TERMS], (1, 2, 6, 1, 4, 4, 2, 1))[0],
                "WAERS": CURRENCY_OF_COUNTRY.get(country, "EUR"),
                "KRED_LIM": _maybe(rng, 0.9, float(limit)),
                "KRED_OBL": 0.0,
                "KRED_DT": _maybe(rng, 0.65, _day(date(2021, 1, 4) + timedelta(days=rng.randrange(1_050)))),
                "MAHN_VF": "0001" if is_german else "0002",
                "MAHN_SPR": rng.choices(("", "A", "R"), (92, 5, 3))[0],
                "LS_SPR": _flag(rng, 0.04),
                "FA_SPR": _flag(rng, 0.02),
                "LOE_KZ": _flag(rng, 0.06),
                "KONZ_NR": None,
                "RG_EMPF": None,
                "ABW_ZAHL": None,
                "KTO_ABST": "0000140000" if is_german else "0000140010",
                "IBAN_NR": _maybe(rng, 0.6, f"{country}{rng.randrange(10, 99)}{rng.randrange(10**17, 10**18)}") if country != "US" else None,
                "BLZ_ALT": f"{rng.randrange(200, 800)}{rng.randrange(10_000, 99_999)}" if is_german and is_old else None,
                "KTO_ALT": f"{rng.randrange(10**6, 10**8):010d}" if is_german and is_old else None,
                "SEPA_REF": _maybe(rng, 0.25, f"HSW-{number[-5:]}-{rng.randrange(1, 9)}"),
                "EDI_GLN": _maybe(rng, 0.15, f"40{rng.randrange(10**10, 10**11)}"),
                "WRK_STO_CD": _maybe(rng, 0.9, SITE_OF_COMPANY[COMPANY_OF_COUNTRY.get(country, "1000")]),
                "VERS_CD": rng.choice(("01", "01", "02", "10")),
                "INCO_CD": rng.choices(("DAP", "EXW", "FCA", "CIF"), (60, 25, 10, 5))[0] if is_german else rng.choice(("DAP", "FCA", "CIF")),
                "X_EURO_UMST": ("X" if rng.random() < 0.93 else "F") if is_old else None,
                "X_LEGACY_FLG": "X" if is_old else "",
                "KNZ_07": rng.choices(("", "1", "2", "7"), (70, 18, 9, 3))[0],
                "RES_FLD_1": None,
                "RES_FLD_2": _maybe(rng, 0.09, round(rng.choice((0.5, 1.0, 1.5, 2.0, 2.5)), 2)),
                "ANL_DT": _day(created),
                "ANL_USR": "BATCH01" if is_old else rng.choice(USERS),
                "AEND_TS": _maybe(rng, 0.8, f"{_day(date(2019, 1, 2) + timedelta(days=rng.randrange(1_800)))}{rng.randrange(7, 18):02d}{rng.randrange(60):02d}{rng.randrange(60):02d}"),
            }
        )  # fmt: skip
    for row in rows:
        row["PF_PLZ"] = row["PLZ"] if row["PF_NR"] else None
        partner = rng.choice(rows)["KD_NR"]
        if partner == row["KD_NR"]:
            continue
        row["KONZ_NR"] = _maybe(rng, 0.12, partner)
        row["RG_EMPF"] = row["KONZ_NR"] and _maybe(rng, 0.6, partner)
        row["ABW_ZAHL"] = _maybe(rng, 0.05, partner)
    return rows


def _make_suppliers(rng: Random, customers: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for index in range(45):
        country = rng.choices(("DE", "AT", "CH", "PL", "CN", "TW", "IT"), (20, 4, 3, 5, 6, 5, 4))[0]
        is_old = index < 27
        rows.append(
            {
                "MANDT": _CLIENT,
                "LF_NR": f"{70_000 + index * 3:010d}",
                "LF_NAME": f"{SURNAMES[(index * 5 + 3) % len(SURNAMES)]} {rng.choice(('Draht', 'Stahl', 'Verzinkerei', 'Verpackung', 'Spedition', 'Leasing'))} {'GmbH' if country in ('DE', 'AT') else 'Ltd.'}",
                "LKZ": country,
                "KD_NR": _maybe(rng, 0.12, rng.choice(customers)["KD_NR"]),
                "ZTERM": rng.choice(("N014", "N030", "N030", "N060", "S308")),
                "ZW_KZ": rng.choices(("U", "S", "L", ""), (28, 4, 6, 7))[0],
                "QM_NOTE": _maybe(rng, 0.55, rng.choice((1.0, 1.3, 1.7, 2.0, 2.3, 3.0, 4.0))),
                "SPR_EK": _flag(rng, 0.09),
                "X_LEGACY_FLG": "X" if is_old else "",
            }
        )  # fmt: skip
    return rows


def _make_articles(rng: Random) -> list[Row]:
    rows: list[Row] = []
    for index in range(160):
        shape, standard, group, weight = SHAPES[index % len(SHAPES)]
        is_service = index >= 154
        size = rng.choice(SIZES)
        finish = rng.choice(FINISHES)
        factor = 1 + 2 * SIZES.index(size)
        unit = 1 if shape == "Gewindestange" else rng.choice((1, 100, 100, 1_000))
        length = "" if group in ("1110", "1200") else f"x{rng.choice((16, 20, 30, 40, 60, 80))}"
        rows.append(
            {
                "MANDT": _CLIENT,
                "ART_NR": f"{400_100 + index * 13:08d}",
                "ART_BEZ": "Mindermengenzuschlag" if is_service else f"{shape} {size}{length} {finish}",
                "ART_TYP": "DL" if is_service else ("HW" if index % 9 else "ST"),
                "WGR": "9000" if is_service else group,
                "ME": "PSC" if is_service else ("M" if shape == "Gewindestange" else "ST"),
                "GEW_N": None if is_service else round(weight * factor, 3),
                "GEW_ME": None if is_service else "KG",
                "NORM_REF": None if is_service else standard,
                "OBFL_CD": None if is_service else finish,
                "DISP_KZ": "ND" if is_service else rng.choices(("VB", "PD", "ND"), (11, 4, 1))[0],
                "ABC_KZ": rng.choices("ABC", (2, 3, 5))[0],
                "MIN_BST": 0 if is_service else rng.choice((0, 500, 1_000, 5_000)),
                "STD_PRS": round(weight * factor * unit * rng.uniform(6.0, 11.0) + 0.05, 2),
                "PRS_EINH": unit,
                "VORG_ART": rows[index - 11]["ART_NR"] if index > 30 and rng.random() < 0.1 else None,
                "LOE_KZ": _flag(rng, 0.05),
            }
        )  # fmt: skip
    return rows


def _make_stock(rng: Random, articles: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for article in articles:
        if article["ART_TYP"] == "DL":
            continue
        for site in rng.sample(("H001", "H002", "N010", "G100", "L200", "P300", "K901"), rng.choice((1, 2, 2, 3))):  # fmt: skip
            rows.append(
                {
                    "MANDT": _CLIENT,
                    "ART_NR": article["ART_NR"],
                    "WRK_STO_CD": site,
                    "LG_PL": f"{rng.choice('ABCD')}{rng.randrange(1, 40):02d}-{rng.randrange(1, 12):02d}-{rng.randrange(1, 6)}",
                    "CHRG_NR": f"{rng.randrange(19, 24)}{rng.randrange(1, 53):02d}{rng.randrange(1, 9_999):04d}",
                    "BST_FREI": float(rng.randrange(0, 40_000, 50)),
                    "BST_QS": float(rng.choice((0, 0, 0, 0, 200, 1_000))),
                    "BST_GESP": float(rng.choice((0,) * 9 + (50, 300))),
                    "LBEW_DT": _maybe(rng, 0.93, _day(_LAST_DAY - timedelta(days=rng.randrange(400)))),
                    "INV_ST": rng.choices(("", "A", "Z", "D"), (80, 8, 8, 4))[0],
                    "HALB_DT": None,
                }
            )  # fmt: skip
    return rows


def _make_contacts(rng: Random, customers: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for index in range(180):
        customer = rng.choice(customers)
        first, last = rng.choice(FIRST_NAMES), rng.choice(SURNAMES)
        consented = rng.random() < 0.54
        rows.append(
            {
                "ROW_ID": f"1-{_base36(900_000 + index * 4_711)}",
                "MANDT": _CLIENT,
                "ACCT_ID": customer["KD_NR"],
                "FST_NM": _maybe(rng, 0.9, first),
                "LST_NM": last,
                "SAL_CD": _maybe(rng, 0.95, rng.choice(("1", "2"))),
                "ROLE_CD": _maybe(rng, 0.7, rng.choice(("EKL", "EKS", "GF", "LGL", "BUH"))),
                "EML_ADDR": _maybe(rng, 0.85, f"{first}.{last}@kunde{index:03d}.example".lower()),
                "OPT_FLG": "N" if consented else rng.choices("YN", (8, 2))[0],
                "CNSNT_DT": _day(date(2018, 5, 25) + timedelta(days=rng.randrange(1_900))) if consented else None,
                "SCR_VAL": _maybe(rng, 0.48, rng.randrange(0, 101, 5)),
                "SRC_CD": rng.choice(("MES", "WEB", "TEL", "ERP", "ERP")),
                "X_ATTR_01": _maybe(rng, 0.17, rng.choice(("GOLF", "HKA23", "WKALENDER", "HKA22"))),
            }
        )  # fmt: skip
    return rows


def _make_opportunities(rng: Random, contacts: list[Row]) -> list[Row]:
    stages = {"10": 10, "20": 25, "30": 50, "40": 75, "90": 100, "95": 0}
    rows: list[Row] = []
    for index in range(72):
        contact = rng.choice(contacts)
        stage = rng.choices(tuple(stages), (3, 3, 3, 2, 5, 4))[0]
        rows.append(
            {
                "ROW_ID": f"2-{_base36(1_300_000 + index * 3_571)}",
                "MANDT": _CLIENT,
                "ACCT_ID": contact["ACCT_ID"],
                "PR_CON_ID": _maybe(rng, 0.8, contact["ROW_ID"]),
                "OPP_NM": f"{rng.choice(('Rahmenvertrag', 'Projekt', 'C-Teile', 'Kanban', 'Neubau Halle'))} {rng.choice(('2022', '2023', 'Nord', 'Phase 2', 'DIN 912'))}",
                "STG_CD": stage,
                "PROB_PCT": stages[stage],
                "EXP_AMT": _maybe(rng, 0.88, float(rng.randrange(2_000, 180_000, 500))),
                "CLS_DT": _maybe(rng, 0.9, _day(_FIRST_DAY + timedelta(days=rng.randrange(800)))),
                "LOSS_RSN_CD": rng.choice(("PR", "LT", "QU", "NN")) if stage == "95" else None,
            }
        )  # fmt: skip
    return rows


def _make_orders(
    rng: Random, customers: list[Row], articles: list[Row], opportunities: list[Row]
) -> tuple[list[Row], list[Row]]:
    won = [row for row in opportunities if row["STG_CD"] == "90"]
    orders: list[Row] = []
    items: list[Row] = []
    for index in range(320):
        referred = rng.choice(won) if rng.random() < 0.08 else None
        customer = rng.choice(customers)
        if referred:
            customer = next(row for row in customers if row["KD_NR"] == referred["ACCT_ID"])
        entered = _FIRST_DAY + timedelta(days=index * 720 // 320)
        number = f"{4_500_000 + index:010d}"
        progress = "C" if index < 262 else rng.choice("ABC")
        net = 0.0
        position = 0
        for article in rng.sample(articles, rng.choice((1, 2, 2, 3, 4, 5))):
            position += 10
            unit = article["PRS_EINH"]
            standard = article["STD_PRS"]
            assert isinstance(unit, int) and isinstance(standard, float)
            quantity = float(rng.choice((1, 2, 5)) * rng.choice((100, 200, 500, 1_000)))
            if article["ME"] == "PSC":
                quantity = 1.0
            elif article["ME"] == "M":
                quantity /= 10
            price = round(standard * rng.uniform(1.25, 1.8), 2)
            discount = _maybe(rng, 0.3, rng.choice((2.0, 3.0, 5.0, 7.5)))
            refused = rng.choices(("", "10", "20", "51"), (95, 2, 2, 1))[0]
            delivered = {"A": 0.0, "B": quantity // 2, "C": quantity}[progress]
            value = quantity * price / unit * (1 - (discount if isinstance(discount, float) else 0.0) / 100)  # fmt: skip
            net += 0.0 if refused else round(value, 2)
            items.append(
                {
                    "MANDT": _CLIENT,
                    "AUF_NR": number,
                    "POS_NR": f"{position:06d}",
                    "ART_NR": article["ART_NR"],
                    "MG_AUF": quantity,
                    "MG_LIEF": 0.0 if refused else delivered,
                    "ME": article["ME"],
                    "POS_PRS": price,
                    "RAB_PZ": discount,
                    "WRK_STO_CD": customer["WRK_STO_CD"] or "H001",
                    "ABS_GRD": refused,
                    "UEB_POS": "000010" if position > 10 and rng.random() < 0.06 else None,
                    "KZ_ALT": _flag(rng, 0.05),
                }
            )
        orders.append(
            {
                "MANDT": _CLIENT,
                "AUF_NR": number,
                "AUF_ART": rng.choices(("TA", "SO", "BV", "GT"), (80, 8, 8, 4))[0],
                "KD_NR": customer["KD_NR"],
                "WE_NR": _maybe(rng, 0.1, rng.choice(customers)["KD_NR"]),
                "BST_NR_KD": _maybe(rng, 0.72, f"{rng.choice(('B', 'PO-', 'EK/'))}{rng.randrange(1_000, 99_999)}"),
                "ERF_DT": _day(entered),
                "WUN_DT": _maybe(rng, 0.83, _day(entered + timedelta(days=rng.randrange(2, 40)))),
                "NTO_WRT": round(net, 2),
                "WAERS": customer["WAERS"],
                "LF_SPR": rng.choices(("", "01", "08"), (95, 3, 2))[0],
                "GES_ST": progress,
                "CRM_REF": referred["ROW_ID"] if referred else None,
            }
        )  # fmt: skip
    return orders, items


class _Ledger:
    """The books: posts documents of balanced lines and clears them."""

    def __init__(self, rng: Random) -> None:
        self.documents: list[Row] = []
        self.lines: list[Row] = []
        self._rng = rng
        self._next: dict[str, int] = {}

    def post(
        self, kind: str, company: str, when: date, currency: str, lines: list[Row], user: str = ""
    ) -> str:
        """The number of the new document. Each line brings at least BS_KZ, SH_KZ, WRBTR and KTO_SK;
        the last one takes what rounding leaves in house currency."""
        start = {"AR": 90, "ER": 51, "ZE": 14, "ZA": 15, "SB": 10}[kind]
        counter = self._next.get(kind, 0) + 1
        self._next[kind] = counter
        number = f"{start * 10_000_000 + counter:010d}"
        house = HOUSE_CURRENCY[company]
        rate = None
        if currency != house:
            rate = round(EUR_FOR[currency] / EUR_FOR[house] * self._rng.uniform(0.98, 1.02), 5)
        year = str(when.year)
        self.documents.append(
            {
                "MANDT": _CLIENT,
                "BUKRS": company,
                "BELNR": number,
                "GJAHR": year,
                "BL_ART": kind,
                "BL_DAT": _day(when - timedelta(days=self._rng.choice((0, 0, 0, 1, 3)) if kind == "ER" else 0)),
                "BU_DAT": _day(when),
                "PERIO": f"{when.month:02d}",
                "WAERS": currency,
                "KURS_U": rate,
                "USR_ERF": user or self._rng.choice(USERS[:2] + USERS[3:5]),
                "STO_BEL": None,
                "X_LEGACY_FLG": "X" if when < date(2022, 4, 1) and kind not in ("ZE", "ZA") else "",
            }
        )  # fmt: skip
        balance = 0.0
        for position, line in enumerate(lines, start=1):
            amount = line["WRBTR"]
            assert isinstance(amount, float)
            in_house = round(amount * (rate or 1.0), 2)
            sign = 1 if line["SH_KZ"] == "S" else -1
            if position == len(lines):
                in_house = round(abs(balance), 2)
            balance = round(balance + sign * in_house, 2)
            self.lines.append(
                {
                    "MANDT": _CLIENT,
                    "BUKRS": company,
                    "BELNR": number,
                    "GJAHR": year,
                    "BUZEI": f"{position:03d}",
                    "HW_BTR": in_house,
                    "WAERS": currency,
                    "KD_NR": None,
                    "LF_NR": None,
                    "ZTERM": None,
                    "FAEL_DT": None,
                    "MWST_KZ": None,
                    "KST_CD": None,
                    "AUGL_BEL": None,
                    "AUGL_DT": None,
                    "MAHN_ST": "0",
                    "ZUO_TX": None,
                    "SG_TXT": None,
                    **line,
                }
            )
        return number


def _invoice(
    rng: Random, ledger: _Ledger, orders: list[Row], items: list[Row], customers: list[Row]
) -> list[Row]:
    """Invoices of what was delivered, their documents, and the payments that clear most of them."""
    by_number = {row["KD_NR"]: row for row in customers}
    invoices: list[Row] = []
    for order in orders:
        net, entered = order["NTO_WRT"], str(order["ERF_DT"])
        assert isinstance(net, float)
        if order["GES_ST"] != "C" or net <= 0:
            continue
        customer = by_number[order["KD_NR"]]
        payer = by_number[customer["RG_EMPF"] or customer["KD_NR"]]
        company = COMPANY_OF_COUNTRY.get(str(customer["LKZ"]), "1000")
        currency = str(order["WAERS"])
        is_home = str(customer["LKZ"]) in COMPANY_OF_COUNTRY
        tax = round(net * 0.19, 2) if is_home else 0.0
        when = date(int(entered[:4]), int(entered[4:6]), int(entered[6:])) + timedelta(days=rng.randrange(1, 9))  # fmt: skip
        when = min(when, _LAST_DAY)
        number = f"{9_000_000 + len(invoices):010d}"
        due = when + timedelta(days=NET_DAYS[str(customer["ZTERM"])])
        receivable: Row = {
            "BS_KZ": "01",
            "SH_KZ": "S",
            "WRBTR": round(net + tax, 2),
            "KTO_SK": customer["KTO_ABST"],
            "KD_NR": payer["KD_NR"],
            "ZTERM": customer["ZTERM"],
            "FAEL_DT": _day(due),
            "ZUO_TX": number,
            "SG_TXT": f"Rechnung {number}",
        }
        revenue: Row = {
            "BS_KZ": "50",
            "SH_KZ": "H",
            "WRBTR": net,
            "KTO_SK": "0000800000" if is_home else "0000801000",
            "MWST_KZ": "A1" if is_home else "A0",
        }
        lines = [receivable, revenue]
        if tax:
            lines.append({"BS_KZ": "50", "SH_KZ": "H", "WRBTR": tax, "KTO_SK": "0000175000", "MWST_KZ": "A1"})  # fmt: skip
        # The last invoices of the year are printed but not yet handed over to accounting.
        is_posted = when < date(2023, 12, 8)
        document = None
        if is_posted:
            document = ledger.post("AR", company, when, currency, lines, "BATCH01")
            _collect(rng, ledger, company, currency, document, due)
        invoices.append(
            {
                "MANDT": _CLIENT,
                "FAK_NR": number,
                "FAK_ART": rng.choices(("F1", "F2", "G2"), (85, 13, 2))[0],
                "AUF_NR": order["AUF_NR"],
                "RG_EMPF": payer["KD_NR"],
                "FAK_DT": _day(when),
                "BTO_WRT": round(net + tax, 2),
                "BUKRS": company,
                "BELNR": document,
                "GJAHR": str(when.year),
                "DRK_ANZ": rng.choices((1, 2, 3), (30, 4, 1))[0] if is_posted else 0,
            }
        )
    return invoices


def _collect(
    rng: Random, ledger: _Ledger, company: str, currency: str, document: str, due: date
) -> None:
    """The customer pays, or is reminded."""
    item = next(line for line in reversed(ledger.lines) if line["BELNR"] == document and line["KD_NR"])  # fmt: skip
    paid = due + timedelta(days=rng.choice((-12, -3, 0, 1, 4, 9, 21)))
    if rng.random() < 0.86 and paid <= _LAST_DAY:
        paid = max(paid, _FIRST_DAY)
        amount = item["WRBTR"]
        payment = ledger.post(
            "ZE",
            company,
            paid,
            currency,
            [
                {"BS_KZ": "40", "SH_KZ": "S", "WRBTR": amount, "KTO_SK": "0000113109"},
                {
                    "BS_KZ": "15",
                    "SH_KZ": "H",
                    "WRBTR": amount,
                    "KTO_SK": item["KTO_SK"],
                    "KD_NR": item["KD_NR"],
                    "ZUO_TX": item["ZUO_TX"],
                    "SG_TXT": f"Zahlung {item['ZUO_TX']}",
                },
            ],
        )
        for line in (item, ledger.lines[-1]):
            line["AUGL_BEL"], line["AUGL_DT"] = payment, _day(paid)
    elif due < _LAST_DAY - timedelta(days=14):
        item["MAHN_ST"] = rng.choices("0123", (3, 4, 3, 2))[0]


def _book_suppliers(rng: Random, ledger: _Ledger, suppliers: list[Row]) -> None:
    for index in range(110):
        supplier = rng.choice(suppliers)
        when = _FIRST_DAY + timedelta(days=index * 718 // 110)
        net = round(rng.uniform(80, 9_000), 2)
        tax = round(net * 0.19, 2)
        is_home = supplier["LKZ"] == "DE"
        due = when + timedelta(days=NET_DAYS[str(supplier["ZTERM"])])
        expense: Row = {
            "BS_KZ": "40",
            "SH_KZ": "S",
            "WRBTR": net,
            "KTO_SK": rng.choice(EXPENSES),
            "MWST_KZ": "V1",
            "KST_CD": rng.choice(BOOKABLE),
        }
        payable: Row = {
            "BS_KZ": "31",
            "SH_KZ": "H",
            "WRBTR": round(net + tax, 2),
            "KTO_SK": "0000160000" if is_home else "0000160010",
            "LF_NR": supplier["LF_NR"],
            "ZTERM": supplier["ZTERM"],
            "FAEL_DT": _day(due),
            "ZUO_TX": f"ER{rng.randrange(10_000, 99_999)}",
        }
        vat: Row = {"BS_KZ": "40", "SH_KZ": "S", "WRBTR": tax, "KTO_SK": "0000154000", "MWST_KZ": "V1"}  # fmt: skip
        ledger.post("ER", "1000", when, "EUR", [expense, vat, payable])
        if due > _LAST_DAY:
            continue
        item = ledger.lines[-1]
        paying: Row = {"BS_KZ": "25", "SH_KZ": "S", "WRBTR": item["WRBTR"], "KTO_SK": item["KTO_SK"], "LF_NR": item["LF_NR"], "ZUO_TX": item["ZUO_TX"]}  # fmt: skip
        bank: Row = {"BS_KZ": "50", "SH_KZ": "H", "WRBTR": item["WRBTR"], "KTO_SK": "0000113100"}
        payment = ledger.post("ZA", "1000", due, "EUR", [paying, bank])
        for line in (item, ledger.lines[-2]):
            line["AUGL_BEL"], line["AUGL_DT"] = payment, _day(due)


def _book_transfers(rng: Random, ledger: _Ledger) -> None:
    """Transfers between accounts, and a few that were reversed the day after."""
    for index in range(40):
        when = _FIRST_DAY + timedelta(days=index * 18)
        amount = round(rng.uniform(50, 4_000), 2)
        account, centre = rng.choice(EXPENSES), rng.choice(BOOKABLE)
        text = rng.choice(("Abgrenzung", "Umbuchung", "Korrektur KST", None))
        debit: Row = {"BS_KZ": "40", "SH_KZ": "S", "WRBTR": amount, "KTO_SK": account, "KST_CD": centre, "SG_TXT": text}  # fmt: skip
        credit: Row = {"BS_KZ": "50", "SH_KZ": "H", "WRBTR": amount, "KTO_SK": "0000191100", "SG_TXT": text}  # fmt: skip
        number = ledger.post("SB", "1000", when, "EUR", [debit, credit])
        if index % 5:
            continue
        original = ledger.documents[-1]
        reversal = ledger.post(
            "SB",
            "1000",
            when + timedelta(days=1),
            "EUR",
            [{**credit, "BS_KZ": "40", "SH_KZ": "S"}, {**debit, "BS_KZ": "50", "SH_KZ": "H"}],
        )
        original["STO_BEL"], ledger.documents[-1]["STO_BEL"] = reversal, number


def _sum_open_items(customers: list[Row], ledger: _Ledger) -> None:
    by_number = {row["KD_NR"]: row for row in customers}
    for line in ledger.lines:
        if line["KD_NR"] and not line["AUGL_BEL"]:
            customer = by_number[line["KD_NR"]]
            owed, amount = customer["KRED_OBL"], line["HW_BTR"]
            assert isinstance(owed, float) and isinstance(amount, float)
            customer["KRED_OBL"] = round(owed + (amount if line["SH_KZ"] == "S" else -amount), 2)


def _make_runs(rng: Random) -> list[Row]:
    rows: list[Row] = []
    for index in range(64):
        when = date(2023, 11, 1) + timedelta(days=index // 4)
        code = rng.choices(("0000", "0004", "0008", "0012"), (50, 9, 3, 2))[0]
        count = rng.choice((0, rng.randrange(1, 60), rng.randrange(60, 900)))
        rows.append(
            {
                "RUN_ID": 88_001 + index,
                "JOB_NM": ("KDXF010D", "ARXF020D", "FBXF030D", "CRSY040D")[index % 4],
                "RUN_DT_J": when.strftime("%Y%j"),
                "SEQ_NO": rng.choices((1, 2, 3), (14, 2, 1))[0],
                "REC_CNT": count,
                "HASH_TOT": count * 10_000 + rng.randrange(10_000) if count else 0,
                "RC_CD": code,
                "RESTART_PT": f"STEP{rng.choice((20, 30, 50)):03d}" if code in ("0008", "0012") else None,
                "FILLER_1": None,
            }
        )  # fmt: skip
    return rows


def _make_migrated(
    rng: Random,
    customers: list[Row],
    suppliers: list[Row],
    articles: list[Row],
    runs: list[Row],
) -> list[Row]:
    """The old numbers of what was taken over; what carries X_LEGACY_FLG is in here."""
    taken: list[tuple[str, str, str, Value]] = [
        ("R2H", "KD", f"K-{index * 11 + 402:05d}", row["KD_NR"])
        for index, row in enumerate(row for row in customers if row["X_LEGACY_FLG"])
    ]
    taken += [
        ("R2H", "LF", f"L-{index * 7 + 118:05d}", row["LF_NR"])
        for index, row in enumerate(row for row in suppliers if row["X_LEGACY_FLG"])
    ]
    taken += [
        ("AS4", "AR", f"{row['WGR']}.{index * 3 + 17:04d}", row["ART_NR"])
        for index, row in enumerate(articles[:120])
    ]
    # What nobody wanted to have any more: it has no new number.
    taken += [("R2H", "KD", f"K-{index * 29 + 9_003:05d}", None) for index in range(8)]
    rows: list[Row] = []
    for system, kind, old, new in taken:
        state = rng.choices("UM", (92, 8))[0] if new else "D"
        rows.append(
            {
                "SRC_SYS": system,
                "OBJ_TYP": kind,
                "OLD_KEY": old,
                "NEW_KEY": new,
                "RUN_ID": rng.choice(runs)["RUN_ID"],
                "ST_FLG": state,
                "CHK_DIG": _check_digit(old),
            }
        )
    return rows
