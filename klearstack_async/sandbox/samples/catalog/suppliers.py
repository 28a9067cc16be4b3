"""The companies that send the sample invoices, by country; all of them are invented.

Mail addresses end in the reserved `.example`, telephone numbers are of ranges kept for fiction
where the country has one, and the IBANs are the registry's own examples.
"""

from klearstack_async.sandbox.samples.model import Party

HARTMANN = Party(
    name="Hartmann Antriebstechnik GmbH",
    address=("Industriestraße 48", "70565 Stuttgart"),
    tax_id="USt-IdNr. DE298417365",
    contact=("Tel. 0711 2299-0140", "rechnung@hartmann-antrieb.example"),
    bank=("IBAN DE89 3704 0044 0532 0130 00", "HRB 73118, Amtsgericht Stuttgart"),
)
ELBE_DRUCK = Party(
    name="Elbe Druck & Medien KG",
    address=("Am Sandtorkai 17", "20457 Hamburg"),
    tax_id="USt-IdNr. DE814209553",
    contact=("Tel. 040 66969-210", "buchhaltung@elbedruck.example"),
    bank=("IBAN DE89 3704 0044 0532 0130 00",),
)
ROHSTOFF_NORD = Party(
    name="Rohstoff Nord Handels GmbH",
    address=("Hafenring 5", "28217 Bremen"),
    tax_id="USt-IdNr. DE167330982",
    contact=("Tel. 0421 9988-300",),
    bank=("IBAN DE89 3704 0044 0532 0130 00",),
)
DONAUKORN = Party(
    name="Donaukorn Biogroßhandel GmbH",
    address=("Praterlände 22", "1020 Wien", "Österreich"),
    tax_id="UID ATU66913457",
    contact=("+43 1 9346 118", "office@donaukorn.example"),
    bank=("IBAN AT61 1904 3002 3457 3201",),
)
SEEBLICK = Party(
    name="Seeblick Gebäudeservice AG",
    address=("Seestrasse 112", "8002 Zürich"),
    tax_id="CHE-114.682.907 MWST",
    contact=("+41 44 555 01 20", "debitoren@seeblick.example"),
    bank=("CH93 0076 2011 6238 5295 7",),
)
LEMAN = Party(
    name="Léman Fournitures SA",
    address=("Rue du Port-Franc 9", "1003 Lausanne"),
    tax_id="CHE-208.447.513 TVA",
    contact=("021 555 04 18",),
    bank=("CH93 0076 2011 6238 5295 7",),
)
VAN_DER_MEER = Party(
    name="Van der Meer Koeltechniek B.V.",
    address=("Spoorlaan 31", "5038 CB Tilburg"),
    tax_id="Btw-nr. NL854017263B01",
    contact=("013 555 0148", "administratie@vdmeer-koeling.example"),
    bank=("IBAN NL91 ABNA 0417 1643 00", "KvK 60918274"),
)
HARROWGATE = Party(
    name="Harrowgate Packaging Ltd",
    address=("Unit 7, Canal Wharf", "Leeds", "LS11 5QJ"),
    tax_id="VAT Reg. No. GB 318 4427 09",
    contact=("0113 496 0172", "accounts@harrowgate.example"),
    bank=("Sort code 20-00-15", "Account no. 55779911", "IBAN GB29 NWBK 6016 1331 9268 19"),
)
BRIGHTWELL = Party(
    name="Brightwell Office Supply plc",
    address=("Meridian House, 40 Park Row", "Bristol", "BS1 5LH"),
    tax_id="VAT Reg. No. GB 902 1185 63",
    contact=("0117 496 0333", "ledger@brightwell.example"),
    bank=("Sort code 20-00-15", "Account no. 31926819", "IBAN GB29 NWBK 6016 1331 9268 19"),
)
TOLLGATE = Party(
    name="Tollgate Builders Merchants",
    address=("118 Tollgate Road", "London E6 5YA"),
    tax_id="VAT GB 744 2091 58",
    contact=("020 7946 0817",),
)
KESTREL = Party(
    name="Kestrel & Finch Consulting",
    address=("12 Merchants Quay", "Cork", "T12 X2F4", "Ireland"),
    tax_id="VAT IE3481029KH",
    contact=("hello@kestrelfinch.example", "+353 21 555 0162"),
    bank=("IBAN IE29 AIBK 9311 5212 3456 78",),
)
WATTLE = Party(
    name="Wattle Creek Analytics Pty Ltd",
    address=("Level 4, 210 Pitt Street", "Sydney NSW 2000"),
    tax_id="ABN 51 824 753 556",
    contact=("(02) 5550 4417", "accounts@wattlecreek.example"),
    bank=("BSB 062-000", "Account 1279 4410"),
)
LUMEN = Party(
    name="Lumen Harbor Software, Inc.",
    address=("500 Howland Street, Suite 210", "Redwood City, CA 94063"),
    tax_id="EIN 84-2915073",
    contact=("(650) 555-0142", "billing@lumenharbor.example"),
    bank=("ACH routing 021000021", "Account 4830 2917 55"),
)
GREAT_PLAINS = Party(
    name="Great Plains Bearing & Supply Co.",
    address=("2200 Industrial Avenue", "Omaha, NE 68110"),
    contact=("(402) 555-0119",),
    bank=("Remit to: P.O. Box 5512, Omaha, NE 68105",),
)
CORNER_STAPLE = Party(
    name="The Corner Staple",
    address=("84 Bleecker Street", "New York, NY 10012"),
    contact=("(212) 555-0186",),
)
MARLOWE = Party(
    name="Marlowe & Wren",
    address=("19 Hawthorne Lane", "Portland, OR 97205"),
    contact=("studio@marlowewren.example", "(503) 555-0128"),
    bank=("Checks payable to Marlowe & Wren LLC",),
)
EVERGREEN = Party(
    name="Evergreen Elevator Services LLC",
    address=("77 Pine Street", "Seattle, WA 98101"),
    contact=("(206) 555-0177",),
    bank=("Routing 125000024", "Account 0098 4471 20"),
)
ATELIER_GARONNE = Party(
    name="Atelier Garonne SARL",
    address=("14 quai des Chartrons", "33000 Bordeaux"),
    tax_id="TVA FR 42 512 884 607",
    contact=("05 99 00 41 27", "compta@atelier-garonne.example"),
    bank=("IBAN FR14 2004 1010 0505 0001 3M02 606",),
)
PLUME = Party(
    name="Plume & Parole",
    address=("6 rue des Écoles", "69005 Lyon"),
    tax_id="TVA FR 61 803 277 145",
    contact=("bonjour@plume-parole.example", "04 99 00 62 15"),
    bank=("IBAN FR14 2004 1010 0505 0001 3M02 606",),
)
BOREALE = Party(
    name="Équipements Boréale inc.",
    address=("1450, rue Saint-Paul Est", "Québec (Québec) G1K 3W4"),
    tax_id="TPS 817204456 RT0001 · TVQ 1209334871 TQ0001",
    contact=("418 555-0163", "facturation@boreale.example"),
    bank=("Transit 00815-003", "Compte 104-772-1"),
)
IBERLUZ = Party(
    name="Iberluz Iluminación S.L.",
    address=("Calle de la Fundición 27", "50014 Zaragoza"),
    tax_id="NIF B99482716",
    contact=("976 555 014", "facturas@iberluz.example"),
    bank=("IBAN ES91 2100 0418 4502 0005 1332",),
)
SIERRA_AZUL = Party(
    name="Sierra Azul Logística S.A. de C.V.",
    address=("Av. Constitución 1820, Col. Obrera", "64010 Monterrey, N.L."),
    tax_id="RFC SAL140923K47",
    contact=("81 5555 0134", "cobranza@sierraazul.example"),
    bank=("CLABE 032180000118359719",),
)
OFFICINE_BRERA = Party(
    name="Officine Brera S.r.l.",
    address=("Via dell’Artigianato 11", "20063 Cernusco sul Naviglio (MI)"),  # noqa: RUF001
    tax_id="P. IVA IT04817290963",
    contact=("02 5550 1733", "amministrazione@officinebrera.example"),
    bank=("IBAN IT60 X054 2811 1010 0000 0123 456",),
)
ACQUE_DEL_GARDA = Party(
    name="Acque del Garda S.p.A.",
    address=("Lungolago Marconi 3", "37011 Bardolino (VR)"),
    tax_id="P. IVA IT02299450237",
    contact=("045 555 0127",),
    bank=("IBAN IT60 X054 2811 1010 0000 0123 456",),
)
DOURO = Party(
    name="Cerâmica do Douro, Lda.",
    address=("Rua da Alfândega 62", "4050-029 Porto"),
    tax_id="NIF PT508114926",
    contact=("220 555 014", "contas@ceramicadouro.example"),
    bank=("IBAN PT50 0002 0123 1234 5678 9015 4",),
)
NORRSKEN = Party(
    name="Norrsken Trävaror AB",
    address=("Storgatan 14", "903 26 Umeå"),
    tax_id="Momsreg.nr SE556804197101",
    contact=("090-390 06 41", "ekonomi@norrsken.example"),
    bank=("Bankgiro 5055-1048", "IBAN SE45 5000 0000 0583 9825 7466"),
)
OERESUND = Party(
    name="Øresund Rengøring ApS",
    address=("Nordre Toldbod 8", "1259 København K"),
    tax_id="CVR-nr. 38174460",
    contact=("55 50 17 20",),
    bank=("Reg. 0040, konto 0440116243", "IBAN DK50 0040 0440 1162 43"),
)
DECCAN = Party(
    name="Deccan Precision Tools Pvt. Ltd.",
    address=("Plot 88, MIDC Bhosari", "Pune 411026, Maharashtra"),
    tax_id="GSTIN 27AAECD4417K1Z6",
    contact=("020-5550 1420", "accounts@deccantools.example"),
    bank=("A/c 50100248817733", "IFSC XBNK0000123"),
)
COROMANDEL = Party(
    name="Coromandel Textiles & Exports",
    address=("14 Anna Salai", "Chennai 600002, Tamil Nadu"),
    tax_id="GSTIN 33AADFC7720M1ZB",
    contact=("044-5550 2861",),
    bank=("A/c 009105017744", "IFSC XBNK0000467"),
)
WISLA = Party(
    name="Hurtownia Elektryczna WISLA Sp. z o.o.",
    address=("ul. Portowa 12", "80-551 Gdansk"),
    tax_id="NIP 5842917736",
    contact=("58 555 01 93",),
    bank=("PL61 1090 1014 0000 0712 1981 2874",),
)
