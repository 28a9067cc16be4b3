"""The companies that receive the sample invoices, by country; all of them are invented."""

from klearstack_async.sandbox.samples.model import Party

MASCHINENBAU_KELLER = Party(
    name="Maschinenbau Keller AG",
    address=("Einkauf, Frau S. Brandt", "Lindenallee 9", "89073 Ulm"),
)
WERFT_SUED = Party(name="Werft Süd GmbH & Co. KG", address=("Kaimauer 3", "24103 Kiel"))
GASTHOF = Party(
    name="Gasthof zur Linde OG",
    address=("Hauptplatz 4", "3500 Krems an der Donau"),
    tax_id="UID ATU58812904",
)
TREUHAND = Party(name="Rigi Treuhand GmbH", address=("Bahnhofplatz 6", "6300 Zug"))
CLINIQUE = Party(name="Clinique des Tilleuls SA", address=("Avenue de Rumine 21", "1005 Lausanne"))
ZUIVEL = Party(
    name="Zuivelhuis Noord B.V.",
    address=("T.a.v. crediteurenadministratie", "Oostersingel 55", "8921 GB Leeuwarden"),
)
PENNINE = Party(
    name="Pennine Tea Company Ltd",
    address=("Accounts Payable", "3 Mill Lane", "Halifax", "HX1 2TJ"),
)
ASHDOWN = Party(name="Ashdown Partnership LLP", address=("27 Queen Square", "Bath", "BA1 2HN"))
FENWORTH = Party(name="Fenworth Homes Ltd", address=("9 Station Parade", "London IG11 8DN"))
MERIDIAN = Party(
    name="Meridian Freight GmbH",
    address=("Speicherstadt 2", "20457 Hamburg", "Germany"),
    tax_id="VAT DE811907766",
)
BOWRAL = Party(name="Bowral Cold Storage Pty Ltd", address=("8 Kirkham Road", "Bowral NSW 2576"))
CASCADE = Party(
    name="Cascade Family Dental, P.C.",
    address=("1620 Willow Road", "Boise, ID 83702"),
)
TALLGRASS = Party(
    name="Tallgrass Milling Corporation",
    address=("Attn: Accounts Payable", "910 Depot Street", "Salina, KS 67401"),
)
BEACON = Party(
    name="Beacon Hill Publishing Group",
    address=("44 Mount Vernon Street", "Boston, MA 02108"),
)
LIBRAIRIE = Party(
    name="Librairie Montaigne SAS",
    address=("Service comptabilité", "31 cours de l’Intendance", "33000 Bordeaux"),  # noqa: RUF001
)
MINES = Party(
    name="Mines du Nord-Ouest ltée",
    address=("75, avenue Murdoch", "Rouyn-Noranda (Québec) J9X 1C3"),
)
HOTEL_EBRO = Party(
    name="Hoteles del Ebro S.A.",
    address=("Paseo de la Independencia 8", "50004 Zaragoza"),
    tax_id="NIF A50117342",
)
MAQUILA = Party(
    name="Componentes Regios S. de R.L.",
    address=("Parque Industrial Apodaca, Lote 16", "66600 Apodaca, N.L."),
    tax_id="RFC CRE090417TT2",
)
MOBILIFICIO = Party(
    name="Mobilificio Veneto S.p.A.",
    address=("Via Roma 140", "31044 Montebelluna (TV)"),
    tax_id="P. IVA IT03377190261",
)
QUINTA = Party(
    name="Quinta da Ribeira, S.A.",
    address=("Estrada Nacional 222, km 87", "5120-306 Tabuaço"),
    tax_id="NIF PT503920117",
)
SNICKERI = Party(name="Lindqvist Snickeri AB", address=("Verkstadsgatan 3", "931 31 Skellefteå"))
TANDKLINIK = Party(
    name="Tandklinikken Østerbro I/S", address=("Strandboulevarden 90", "2100 København Ø")
)
SAHYADRI = Party(
    name="Sahyadri Auto Components Ltd.",
    address=("Gat No. 212, Chakan", "Pune 410501, Maharashtra"),
    tax_id="GSTIN 27AABCS9021F1ZP",
)
LOTUS = Party(
    name="Lotus Department Stores",
    address=("Brigade Road 54", "Bengaluru 560025, Karnataka"),
    tax_id="GSTIN 29AACFL5518R1ZD",
)
BUDOWA = Party(
    name="Budowa Plus S.A.",
    address=("al. Niepodleglosci 210", "02-390 Warszawa"),
    tax_id="NIP 5213308841",
)
