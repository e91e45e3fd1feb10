"""Who the demo's firm is: its companies, accounts, sites and articles, and the names that rows are made
of. Invented, plain data; how rows come of it is the business of `rows`."""

from __future__ import annotations

NO_END = "99991231"

COMPANIES = (
    # BUKRS, name, country, currency, fiscal year variant, VAT number, consolidation
    ("1000", "Hanseatische Schraubenwerke AG", "DE", "EUR", "K4", "DE811900417", "V"),
    ("1100", "HSW Befestigungstechnik GmbH", "AT", "EUR", "K4", "ATU40112233", "V"),
    ("2000", "Fixations du Léman SA", "CH", "CHF", "K0", None, "Q"),
    ("3000", "HSW Polska Sp. z o.o.", "PL", "PLN", "K4", "PL5260001246", "V"),
)
COMPANY_OF_COUNTRY = {"DE": "1000", "AT": "1100", "CH": "2000", "PL": "3000"}
HOUSE_CURRENCY = {code: currency for code, _, _, currency, *_ in COMPANIES}
# EUR for one unit of the currency, about as it was; the quotation adds a little noise.
EUR_FOR = {"EUR": 1.0, "CHF": 1.01, "PLN": 0.22, "USD": 0.93, "GBP": 1.15}

TERMS = (
    # ZTERM, net days, discount 1 days and percent, discount 2 days and percent, baseline
    ("N000", 0, None, None, None, None, "B"),
    ("N014", 14, None, None, None, None, "B"),
    ("N030", 30, None, None, None, None, "B"),
    ("N060", 60, None, None, None, None, "L"),
    ("S214", 30, 14, 2.0, None, None, "B"),
    ("S308", 30, 8, 3.0, 14, 2.0, "B"),
    ("S310", 60, 10, 3.0, 30, 2.0, "B"),
    ("M015", 15, None, None, None, None, "M"),
)
NET_DAYS = {code: net for code, net, *_ in TERMS}

ACCOUNTS = (
    # account, name, B balance sheet or G profit and loss, reconciliation, locked
    ("0000021000", "Maschinen und Anlagen", "B", "A", ""),
    ("0000044000", "Betriebs- und Geschäftsausstattung", "B", "A", ""),
    ("0000100000", "Kasse Hamburg", "B", "", ""),
    ("0000113100", "Hausbank Kontokorrent", "B", "", ""),
    ("0000113109", "Hausbank Geldeingang", "B", "", ""),
    ("0000113200", "Postgiro (alt)", "B", "", "X"),
    ("0000140000", "Forderungen Inland", "B", "D", ""),
    ("0000140010", "Forderungen Ausland", "B", "D", ""),
    ("0000154000", "Vorsteuer", "B", "", ""),
    ("0000160000", "Verbindlichkeiten Inland", "B", "K", ""),
    ("0000160010", "Verbindlichkeiten Ausland", "B", "K", ""),
    ("0000175000", "Umsatzsteuer", "B", "", ""),
    ("0000191100", "WE/RE-Verrechnung", "B", "", ""),
    ("0000199990", "Altdatenübernahme", "B", "", "X"),
    ("0000300000", "Handelsware", "B", "", ""),
    ("0000400000", "Wareneinsatz", "G", "", ""),
    ("0000417000", "Frachten und Rollgeld", "G", "", ""),
    ("0000420000", "Löhne Lager", "G", "", ""),
    ("0000430000", "Gehälter", "G", "", ""),
    ("0000451000", "Instandhaltung", "G", "", ""),
    ("0000470000", "Miete Lagerhallen", "G", "", ""),
    ("0000473000", "Telefon und Datenleitungen", "G", "", ""),
    ("0000476000", "Bürobedarf", "G", "", ""),
    ("0000479000", "Werbung und Messen", "G", "", ""),
    ("0000800000", "Erlöse Inland", "G", "", ""),
    ("0000801000", "Erlöse Ausland", "G", "", ""),
    ("0000881000", "Gewährte Skonti", "G", "", ""),
    ("0000888000", "Kursdifferenzen", "G", "", ""),
)
EXPENSES = tuple(number for number, *_ in ACCOUNTS if "0000417000" <= number < "0000500000")

COST_CENTRES = (
    # KST_CD, name, parent, manager's number, valid to, taken over from the old system
    ("H10000", "Gesellschaft gesamt", None, "000101", NO_END, "X"),
    ("H11000", "Vertrieb", "H10000", "000117", NO_END, "X"),
    ("H11010", "Vertrieb Nord", "H11000", "000342", NO_END, "X"),
    ("H11020", "Vertrieb Süd", "H11000", "000355", NO_END, "X"),
    ("H11030", "Vertrieb Ausland", "H11000", None, NO_END, ""),
    ("H11090", "Vertrieb DDR/Ost", "H11000", "000219", "19941231", "X"),
    ("H12000", "Logistik", "H10000", "000128", NO_END, "X"),
    ("H12010", "Lager Hamburg", "H12000", "000401", NO_END, "X"),
    ("H12020", "Lager Graz", "H12000", "000466", NO_END, ""),
    ("H12030", "Fuhrpark", "H12000", "000419", "20201231", "X"),
    ("H13000", "Verwaltung", "H10000", "000102", NO_END, "X"),
    ("H13010", "Rechnungswesen", "H13000", "000151", NO_END, "X"),
    ("H13020", "EDV", "H13000", "000160", NO_END, "X"),
    ("H13030", "E-Commerce", "H13000", None, NO_END, ""),
)
BOOKABLE = tuple(code for code, _, _, _, to, _ in COST_CENTRES if to == NO_END)

SITES = (
    # WRK_STO_CD, type, name, company, calendar, dangerous goods, closed on
    ("H001", "W", "HAMBURG-BILLBROOK", "1000", "HH", "X", None),
    ("H002", "L", "HAMBURG HOCHREGAL", "1000", "HH", "", None),
    ("N010", "L", "NUERNBERG", "1000", "BY", "", None),
    ("G100", "L", "GRAZ", "1100", "AT", "X", None),
    ("L200", "L", "LAUSANNE", "2000", "CH", "", None),
    ("P300", "L", "POZNAN", "3000", "PL", "", None),
    ("K901", "K", "KONSI KRUEGER", "1000", "HH", "", None),
    ("B050", "L", "BERLIN-OST", "1000", "BE", "", "19961130"),
)
SITE_OF_COMPANY = {"1000": "H001", "1100": "G100", "2000": "L200", "3000": "P300"}

TOWNS = (
    # town, postal code, country, region, dialling code
    ("Hamburg", "20539", "DE", "HH", "040"),
    ("Bremen", "28195", "DE", "HB", "0421"),
    ("Hannover", "30159", "DE", "NI", "0511"),
    ("Kiel", "24103", "DE", "SH", "0431"),
    ("Bielefeld", "33602", "DE", "NW", "0521"),
    ("Dortmund", "44137", "DE", "NW", "0231"),
    ("Kassel", "34117", "DE", "HE", "0561"),
    ("Stuttgart", "70173", "DE", "BW", "0711"),
    ("Nürnberg", "90402", "DE", "BY", "0911"),
    ("Leipzig", "04109", "DE", "SN", "0341"),
    ("Rostock", "18055", "DE", "MV", "0381"),
    ("Graz", "8010", "AT", "6", "+43 316"),
    ("Linz", "4020", "AT", "4", "+43 732"),
    ("Lausanne", "1003", "CH", "VD", "+41 21"),
    ("Winterthur", "8400", "CH", "ZH", "+41 52"),
    ("Poznań", "61-001", "PL", "WP", "+48 61"),
    ("Leeds", "LS1 4DY", "GB", None, "+44 113"),
    ("Houston", "77002", "US", "TX", "+1 713"),
    ("Eindhoven", "5611 AA", "NL", None, "+31 40"),
)
TOWN_WEIGHTS = (9, 6, 6, 4, 5, 6, 4, 6, 6, 5, 3, 5, 4, 4, 3, 6, 3, 2, 3)
CURRENCY_OF_COUNTRY = {"CH": "CHF", "PL": "PLN", "GB": "GBP", "US": "USD"}
LANGUAGE_OF_COUNTRY = {"CH": "F", "PL": "L", "GB": "E", "US": "E", "NL": "N"}
SURNAMES = (
    "Krüger", "Petersen", "Hoffmann", "Albers", "Brandt", "Clausen", "Dierks", "Ehlers",
    "Feddersen", "Gerlach", "Harms", "Jensen", "Köster", "Lorenz", "Martens", "Nissen", "Ohlsen",
    "Paulsen", "Quast", "Reimers", "Sievers", "Thomsen", "Ulrich", "Voss", "Wulff", "Zander",
    "Baumann", "Fink", "Kessler", "Lindner", "Meisner", "Oswald",
)  # fmt: skip
FIRST_NAMES = (
    "Anke", "Birgit", "Carsten", "Dieter", "Elke", "Frank", "Gisela", "Heiko", "Inge", "Jörg",
    "Karin", "Lars", "Monika", "Norbert", "Olaf", "Petra", "Ralf", "Sabine", "Torsten", "Uwe",
    "Verena", "Wiebke",
)  # fmt: skip
TRADES = (
    # what the firm does, its industry code
    ("Maschinenbau", "M280"),
    ("Stahlbau", "M251"),
    ("Holzbau", "B412"),
    ("Fahrzeugteile", "F293"),
    ("Werft", "F301"),
    ("Baubeschläge", "H467"),
    ("Eisenwaren", "H475"),
    ("Dachdeckerei", "B439"),
    ("Anlagentechnik", "M282"),
)
STREETS = (
    "Hafenstr.", "Industriestr.", "Am Güterbahnhof", "Werkstr.", "Lindenallee", "Gewerbering",
    "Ringstr.", "Feldweg",
)  # fmt: skip
USERS = ("BRANDTK", "JENSENL", "BATCH01", "KOESTERM", "NISSENU", "CPIC_CRM")

SHAPES = (
    # name, standard, article group, kilograms for one piece
    ("Sechskantschraube", "DIN 933", "1010", 0.021),
    ("Zylinderschraube", "DIN 912", "1010", 0.018),
    ("Senkschraube", "DIN 7991", "1010", 0.012),
    ("Holzschraube", "DIN 571", "1020", 0.025),
    ("Spanplattenschraube", None, "1020", 0.004),
    ("Sechskantmutter", "DIN 934", "1110", 0.009),
    ("Sicherungsmutter", "DIN 985", "1110", 0.010),
    ("Unterlegscheibe", "DIN 125", "1200", 0.003),
    ("Federring", "DIN 127", "1200", 0.002),
    ("Gewindestange", "DIN 975", "1300", 0.330),
    ("Schwerlastanker", None, "1400", 0.110),
)
SIZES = ("M4", "M5", "M6", "M8", "M10", "M12", "M16", "M20")
FINISHES = ("A2", "A4", "ZN", "FVZ", "BLK")
