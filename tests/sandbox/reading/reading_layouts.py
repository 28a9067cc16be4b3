"""Invoices in many languages and layouts, drawn for the tests, with what they state.

Each is a page of texts at places, in millimetres, after layouts that are common in its country.
They were written before the reader was tried on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fpdf import FPDF

__all__ = ["LAYOUTS", "Layout", "Text", "draw", "lines", "rows"]

# x, y, text; the size of the type is 9 unless a fourth value says otherwise. A text that begins
# with ">" ends at x instead of beginning there.
Text = tuple[float, float, str] | tuple[float, float, str, float]


@dataclass(frozen=True)
class Layout:
    name: str
    texts: tuple[Text, ...]
    truth: dict[str, str]
    items: int | None = None


def draw(layout: Layout, path: Path) -> Path:
    pdf = FPDF(format="A4")
    pdf.core_fonts_encoding = "cp1252"  # the euro sign
    pdf.add_page()
    for entry in layout.texts:
        x, y, text = entry[:3]
        size = entry[3] if len(entry) == 4 else 9
        pdf.set_font("Helvetica", size=size)
        if text.startswith(">"):
            text = text[1:]
            x -= pdf.get_string_width(text)
        pdf.text(x, y, text)
    pdf.output(str(path))
    return path


def rows(y: float, step: float, xs: tuple[float, ...], *cells: tuple[str, ...]) -> tuple[Text, ...]:
    texts: list[Text] = []
    for n, row in enumerate(cells):
        texts += [(x, y + n * step, t) for x, t in zip(xs, row, strict=True) if t]
    return tuple(texts)


def lines(x: float, y: float, step: float, *texts: str) -> tuple[Text, ...]:
    return tuple((x, y + n * step, text) for n, text in enumerate(texts) if text)


_UK_UTILITY = Layout(
    "uk_utility",
    (
        (15, 20, "Northern Power & Gas", 18),
        *lines(140, 20, 4.5, "Your electricity bill", "Account number: 8500 1234 567",
                "Bill number: 104482913", "Bill date: 14 March 2022",
                "Billing period: 12 Dec 2021 - 11 Mar 2022"),
        *lines(20, 50, 4.5, "Mr J Whitfield", "14 Orchard Lane", "Harrogate", "HG1 4PQ"),
        (15, 85, "Your account at a glance", 13),
        *rows(95, 6, (15, 110), ("Balance on your last bill", "£184.20"),
               ("Payments received - thank you", "-£184.20"),
               ("Charges for this period", "£203.14"), ("VAT at 5%", "£10.16"),
               ("Total amount due", "£213.30")),
        (15, 130, "We will take £213.30 by Direct Debit on or after 28 March 2022."),
        (15, 280, ("Northern Power & Gas Ltd, Registered office: 1 Mill Road, Leeds LS1 2AB."
                  " VAT registration number GB 123 4567 89"), 7),
    ),
    {"Inv_Number": "104482913", "Inv_Date": "14-Mar-2022", "Inv_Total": "213.30",
     "Tax_Total": "10.16", "Currency": "GBP", "Supplier_Name": "Northern Power & Gas Ltd",
     "Buyer_Name": "Mr J Whitfield"},
)  # fmt: skip

_DE_TELECOM = Layout(
    "de_telecom",
    (
        (15, 45, "Fernmelde Nord AG, Postfach 1020, 20095 Hamburg", 6),
        *lines(15, 52, 4.5, "Frau", "Sabine Krämer", "Lindenallee 7", "22087 Hamburg"),
        *rows(40, 5, (125, 165), ("Datum", "03.11.2021"), ("Kundennummer", "2001447713"),
               ("Rechnungsnummer", "77 4410 0932"), ("Buchungskonto", "430 882 1190")),
        (15, 95, "Ihre Rechnung für Oktober 2021", 14),
        (15, 110, "Leistungen"), (160, 110, "Betrag in EUR"),
        *rows(117, 6, (15, 165), ("Monatliche Beträge", "33,57"), ("Verbindungen", "1,20"),
               ("Summe Nettobeträge", "34,77"),
               ("Umsatzsteuer 19 % auf 34,77 EUR", "6,61"), ("Zu zahlender Betrag", "41,38")),
        (15, 160, "Der Rechnungsbetrag wird frühestens am 12.11.2021 von Ihrem Konto abgebucht."),
        *lines(15, 275, 3.5, "Fernmelde Nord AG | Überseering 2 | 22297 Hamburg",
                "USt-IdNr. DE118822771 | HRB 49921 | IBAN DE12 2005 0550 1234 5678 90"),
    ),
    {"Inv_Number": "77 4410 0932", "Inv_Date": "03-Nov-2021", "Inv_Total": "41.38",
     "Currency": "EUR", "Supplier_Name": "Fernmelde Nord AG", "Buyer_Name": "Sabine Krämer"},
)  # fmt: skip

_FR_SHOP = Layout(
    "fr_shop",
    (
        (15, 20, "FACTURE", 20),
        *rows(30, 5, (120, 170), ("Numéro de la facture", "FR2203-88121"),
               ("Date de la facture", "8 février 2022"), ("Numéro de la commande", "402-7719"),
               ("Date de la commande", "6 février 2022")),
        *lines(15, 55, 4.5, "Adresse de facturation", "Camille Roussel", "12 rue des Lilas",
                "31000 Toulouse", "FR"),
        *lines(80, 55, 4.5, "Adresse de livraison", "Camille Roussel", "Relais Colis",
                "31200 Toulouse", "FR"),
        *lines(140, 55, 4.5, "Vendu par", "Maison Verte SARL", "5 quai de la Loire",
                "44000 Nantes", "N° TVA FR40123456824"),
        *rows(100, 6, (15, 95, 115, 145, 170),
               ("Description", "Qté", "P.U. (HT)", "Taux TVA", "Prix total (TTC)"),
               ("Lampe de bureau LED", "1", "32,42 €", "20 %", "38,90 €"),
               ("Frais de port", "1", "4,08 €", "20 %", "4,90 €")),
        (120, 125, "Total à payer"), (172, 125, "43,80 €"),
        *rows(140, 6, (100, 130, 160), ("Taux TVA", "Total HT", "TVA"),
               ("20 %", "36,50 €", "7,30 €")),
    ),
    {"Inv_Number": "FR2203-88121", "Inv_Date": "08-Feb-2022", "Inv_Total": "43.80",
     "Currency": "EUR", "Supplier_Name": "Maison Verte SARL", "Buyer_Name": "Camille Roussel"},
    items=2,
)  # fmt: skip

_NL_ENERGY = Layout(
    "nl_energy",
    (
        (15, 20, "Zonnestroom Nederland B.V.", 14),
        *lines(15, 50, 4.5, "Mevr. A. de Wit", "Kerkstraat 22", "3511 LK Utrecht"),
        (15, 75, "Factuur", 16),
        *rows(85, 5, (15, 60), ("Factuurdatum", "1 juni 2023"), ("Factuurnummer", "2023-0045519"),
               ("Klantnummer", "410928"), ("Vervaldatum", "15 juni 2023")),
        *rows(115, 6, (15, 165), ("Omschrijving", "Bedrag"), ("Levering stroom", "€ 61,20"),
               ("Vaste kosten", "€ 7,50"), ("Totaal exclusief btw", "€ 68,70"),
               ("Btw 21%", "€ 14,43"), ("Totaal te betalen", "€ 83,13")),
        (15, 170, "Wij schrijven het bedrag van € 83,13 rond 15 juni 2023 van uw rekening af."),
        (15, 280, ("Zonnestroom Nederland B.V. - KvK 30112233 - BTW NL812345678B01"
                  " - IBAN NL12RABO0123456789"), 7),
    ),
    {"Inv_Number": "2023-0045519", "Inv_Date": "01-Jun-2023", "Due_Date": "15-Jun-2023",
     "Inv_Total": "83.13", "Sub-Total": "68.70", "Tax_Total": "14.43", "Currency": "EUR",
     "Supplier_Name": "Zonnestroom Nederland B.V.", "Buyer_Name": "Mevr. A. de Wit"},
)  # fmt: skip

_IT_FATTURA = Layout(
    "it_fattura",
    (
        (15, 18, "Officine Bianchi S.r.l.", 14),
        *lines(15, 24, 4, "Via Garibaldi 18", "20121 Milano (MI)", "P.IVA 01234567890",
                "Tel. 02 5550123"),
        *lines(120, 40, 4.5, "Spett.le", "Rossi Costruzioni S.p.A.", "Corso Italia 5",
                "10121 Torino (TO)"),
        *rows(75, 5, (15, 60, 100, 140),
               ("Tipo documento", "Numero documento", "Data documento", "Pagina"),
               ("FATTURA", "318/A", "31/05/2022", "1")),
        *rows(95, 6, (15, 100, 125, 150, 180),
               ("Descrizione", "Quantità", "Prezzo unit.", "IVA", "Importo"),
               ("Valvola a sfera 1/2", "12", "18,50", "22", "222,00"),
               ("Guarnizioni assortite", "3", "9,00", "22", "27,00")),
        *rows(220, 5, (15, 70, 110, 160),
               ("Totale merce", "Imponibile", "Imposta", "Totale documento"),
               ("249,00", "249,00", "54,78", "€ 303,78")),
        (15, 240, "Scadenze: 30/06/2022 € 303,78"),
    ),
    {"Inv_Number": "318/A", "Inv_Date": "31-May-2022", "Inv_Total": "303.78", "Currency": "EUR",
     "Tax_Total": "54.78", "Due_Date": "30-Jun-2022",
     "Supplier_Name": "Officine Bianchi S.r.l.", "Buyer_Name": "Rossi Costruzioni S.p.A."},
    items=2,
)  # fmt: skip

_ES_FACTURA = Layout(
    "es_factura",
    (
        (130, 20, "FACTURA", 18),
        *lines(15, 20, 4.5, "Aceites del Sur, S.L.", "Calle Mayor 33", "23001 Jaén",
                "CIF: B23456789"),
        *rows(35, 5, (130, 165), ("Nº de factura:", "F22/00871"),
               ("Fecha de expedición:", "05/09/2022"), ("Vencimiento:", "05/10/2022")),
        *lines(15, 55, 4.5, "Datos del cliente", "Hostelería Puerto Real S.A.",
                "Avda. de la Marina 4", "11510 Puerto Real"),
        *rows(90, 6, (15, 110, 140, 170), ("Concepto", "Cantidad", "Precio", "Importe"),
               ("Aceite de oliva virgen extra 5 L", "40", "24,90", "996,00"),
               ("Aceitunas 3 kg", "15", "11,20", "168,00")),
        *rows(200, 6, (130, 165), ("Base imponible", "1.164,00 €"),
               ("Cuota IVA 10%", "116,40 €"), ("TOTAL FACTURA", "1.280,40 €")),
        (15, 270, "Forma de pago: transferencia IBAN ES91 2100 0418 4502 0005 1332"),
    ),
    {"Inv_Number": "F22/00871", "Inv_Date": "05-Sep-2022", "Due_Date": "05-Oct-2022",
     "Sub-Total": "1164.00", "Tax_Total": "116.40", "Inv_Total": "1280.40", "Currency": "EUR",
     "Supplier_Name": "Aceites del Sur, S.L.", "Buyer_Name": "Hostelería Puerto Real S.A."},
    items=2,
)  # fmt: skip

_PT_FATURA = Layout(
    "pt_fatura",
    (
        *lines(15, 20, 4.5, "Livraria Atlântico, Lda", "Rua do Ouro 100", "1100-061 Lisboa",
                "NIF 501234567"),
        *lines(120, 45, 4.5, "Exmo(s). Sr(s).", "Escola Novos Rumos", "Av. da Liberdade 8",
                "4000-322 Porto"),
        (15, 70, "Fatura FT 2023/1187", 13),
        *rows(80, 5, (15, 60, 110), ("Data de Emissão", "Data de Vencimento", "V/ Nº Contribuinte"),
               ("2023-04-19", "2023-05-19", "509876543")),
        *rows(105, 6, (15, 110, 140, 170), ("Designação", "Qtd.", "Pr. Unitário", "Total"),
               ("Manual de História 9", "30", "18,40", "552,00")),
        *rows(200, 5, (130, 170), ("Total Ilíquido", "552,00"), ("Total IVA", "33,12"),
               ("Total do Documento", "585,12 EUR")),
    ),
    {"Inv_Number": "FT 2023/1187", "Inv_Date": "19-Apr-2023", "Due_Date": "19-May-2023",
     "Inv_Total": "585.12", "Currency": "EUR", "Supplier_Name": "Livraria Atlântico, Lda",
     "Buyer_Name": "Escola Novos Rumos"},
    items=1,
)  # fmt: skip

_PL_FAKTURA = Layout(
    "pl_faktura",
    (
        (120, 18, "Miejsce wystawienia: Warszawa"), (120, 23, "Data wystawienia: 17.05.2023"),
        (120, 28, "Data sprzedazy: 15.05.2023"),
        (60, 45, "Faktura VAT nr FV/2023/05/17", 15),
        *lines(15, 60, 4.5, "Sprzedawca:", "Hurtownia Budowlana Kora Sp. z o.o.",
                "ul. Polna 12", "00-950 Warszawa", "NIP: 5251234567"),
        *lines(110, 60, 4.5, "Nabywca:", "Jan Nowak Uslugi Remontowe", "ul. Lesna 3",
                "05-800 Pruszkow", "NIP: 5347654321"),
        *rows(95, 6, (15, 25, 90, 105, 125, 150, 175),
               ("Lp.", "Nazwa towaru lub uslugi", "Ilosc", "Jm", "Cena netto", "VAT",
                "Wartosc netto"),
               ("1", "Cement portlandzki 25 kg", "40", "szt", "18,50", "23%", "740,00"),
               ("2", "Piasek", "2", "t", "65,00", "23%", "130,00")),
        *rows(125, 5, (110, 150, 175), ("Razem netto", "", "870,00"), ("Kwota VAT", "", "200,10")),
        (110, 142, "Razem do zaplaty: 1 070,10 PLN", 12),
        (110, 150, "Termin platnosci: 31.05.2023"),
    ),
    {"Inv_Number": "FV/2023/05/17", "Inv_Date": "17-May-2023", "Due_Date": "31-May-2023",
     "Inv_Total": "1070.10", "Currency": "PLN",
     "Supplier_Name": "Hurtownia Budowlana Kora Sp. z o.o.",
     "Buyer_Name": "Jan Nowak Uslugi Remontowe"},
    items=2,
)  # fmt: skip

_SV_FAKTURA = Layout(
    "sv_faktura",
    (
        (15, 20, "Snickeri Björk AB", 16), (120, 20, "Faktura", 18),
        *rows(30, 4, (120, 150), ("Fakturanr", "Fakturadatum"), ("20417", "2023-02-27")),
        *rows(42, 4, (120, 150), ("Kundnr", "OCR"), ("1182", "2041712")),
        *lines(120, 58, 4.5, "Fastighets AB Linden", "Storgatan 8", "111 22 Stockholm"),
        *rows(62, 5, (15, 50), ("Er referens", "Karin Holm"), ("Förfallodatum", "2023-03-29"),
               ("Betalningsvillkor", "30 dagar netto")),
        *rows(95, 6, (15, 100, 125, 150, 175), ("Benämning", "Antal", "Enhet", "À-pris", "Belopp"),
               ("Platsbyggd bokhylla", "1", "st", "14 500,00", "14 500,00"),
               ("Montering", "6", "tim", "550,00", "3 300,00")),
        *rows(235, 4, (15, 60, 100, 150), ("Netto", "Moms 25%", "Öresavr.", "ATT BETALA"),
               ("17 800,00", "4 450,00", "0,00", "SEK 22 250,00")),
        *rows(260, 4, (15, 70, 120), ("Adress", "Telefon", "Bankgiro"),
               ("Snickeri Björk AB", "08-555 01 02", "123-4567"),
               ("Verkstadsgatan 2, 117 36 Stockholm", "Org.nr 556677-8899", "")),
    ),
    {"Inv_Number": "20417", "Inv_Date": "27-Feb-2023", "Due_Date": "29-Mar-2023",
     "Inv_Total": "22250.00", "Currency": "SEK", "Supplier_Name": "Snickeri Björk AB",
     "Buyer_Name": "Fastighets AB Linden"},
    items=2,
)  # fmt: skip

_DA_FAKTURA = Layout(
    "da_faktura",
    (
        *lines(15, 30, 4.5, "Havnens Café ApS", "Strandvejen 40", "2100 København Ø"),
        *lines(130, 20, 4.5, "Nordisk Kaffe A/S", "Industrivej 9", "8260 Viby J",
                "CVR-nr. 12345678", "Tlf. 86 11 22 33"),
        (15, 65, "FAKTURA", 16),
        *rows(60, 5, (130, 165), ("Fakturanr.:", "55012"), ("Fakturadato:", "07-10-2022"),
               ("Kundenr.:", "9914"), ("Forfaldsdato:", "21-10-2022")),
        *rows(90, 6, (15, 100, 130, 165), ("Beskrivelse", "Antal", "Stk. pris", "Pris i alt"),
               ("Espressobønner 1 kg", "24", "145,00", "3.480,00")),
        *rows(115, 5, (130, 165), ("Subtotal", "3.480,00"), ("Moms (25,00%)", "870,00"),
               ("Total DKK", "4.350,00")),
        (15, 150, "Beløbet indbetales på reg. nr. 1234 kontonr. 0012345678."),
    ),
    {"Inv_Number": "55012", "Inv_Date": "07-Oct-2022", "Due_Date": "21-Oct-2022",
     "Sub-Total": "3480.00", "Tax_Total": "870.00", "Inv_Total": "4350.00", "Currency": "DKK",
     "Supplier_Name": "Nordisk Kaffe A/S", "Buyer_Name": "Havnens Café ApS"},
    items=1,
)  # fmt: skip

_NO_FAKTURA = Layout(
    "no_faktura",
    (
        (15, 18, "Fjord Regnskap AS", 14),
        *lines(15, 45, 4.5, "Bergen Bakeri AS", "Torget 1", "5014 Bergen"),
        (120, 40, "FAKTURA", 14),
        *rows(48, 5, (120, 160), ("Fakturanummer", "100872"), ("Fakturadato", "15.01.2023"),
               ("Forfallsdato", "29.01.2023"), ("KID", "0010087210045"),
               ("Deres ref", "Ola Nordmann")),
        *rows(90, 6, (15, 90, 110, 140, 170), ("Beskrivelse", "Antall", "Pris", "MVA", "Beløp"),
               ("Regnskapsføring desember", "8", "950,00", "25%", "7 600,00")),
        *rows(110, 5, (130, 170), ("Sum eks. mva", "7 600,00"), ("Mva 25%", "1 900,00"),
               ("Å betale", "9 500,00")),
        (15, 275, ("Fjord Regnskap AS, Strandgaten 5, 5013 Bergen. Org.nr 998877665 MVA."
                  " Telefon 55 11 22 33"), 7),
    ),
    {"Inv_Number": "100872", "Inv_Date": "15-Jan-2023", "Due_Date": "29-Jan-2023",
     "Inv_Total": "9500.00", "Supplier_Name": "Fjord Regnskap AS",
     "Buyer_Name": "Bergen Bakeri AS"},
    items=1,
)  # fmt: skip

_FI_LASKU = Layout(
    "fi_lasku",
    (
        *lines(15, 20, 4.5, "Järvi-Huolto Oy", "Rantatie 6", "33100 Tampere"),
        (110, 20, "LASKU", 14),
        *rows(28, 5, (110, 160), ("Laskun numero", "3391"), ("Laskun päiväys", "4.9.2022"),
               ("Eräpäivä", "18.9.2022"), ("Viitenumero", "33910 02")),
        *lines(15, 50, 4.5, "As Oy Koivukuja", "Koivukuja 1 A", "33200 Tampere"),
        *rows(85, 6, (15, 90, 115, 145, 175), ("Tuote", "Määrä", "à-hinta", "ALV %", "Yhteensä"),
               ("Nurmikon leikkuu", "2", "85,00", "24", "170,00")),
        *rows(110, 5, (120, 170), ("Veroton yhteensä", "170,00"), ("ALV 24 %", "40,80"),
               ("Yhteensä EUR", "210,80")),
        (15, 275, "Y-tunnus 1234567-8   IBAN FI21 1234 5600 0007 85   BIC NDEAFIHH"),
    ),
    {"Inv_Number": "3391", "Inv_Date": "04-Sep-2022", "Due_Date": "18-Sep-2022",
     "Inv_Total": "210.80", "Sub-Total": "170.00", "Tax_Total": "40.80", "Currency": "EUR",
     "Supplier_Name": "Järvi-Huolto Oy", "Buyer_Name": "As Oy Koivukuja"},
    items=1,
)  # fmt: skip

_CS_FAKTURA = Layout(
    "cs_faktura",
    (
        (110, 18, "Faktura - danovy doklad c. 2023000412", 12),
        *lines(15, 30, 4.5, "Dodavatel:", "Pivovar Hora s.r.o.", "Horni 14", "602 00 Brno",
                "ICO: 12345678", "DIC: CZ12345678"),
        *lines(110, 30, 4.5, "Odberatel:", "Hotel Morava a.s.", "Nadrazni 2", "779 00 Olomouc",
                "ICO: 87654321"),
        *rows(70, 5, (110, 170), ("Datum vystaveni:", "09.03.2023"),
               ("Datum splatnosti:", "23.03.2023"),
               ("Datum uskut. zdan. plneni:", "09.03.2023"), ("Variabilni symbol:", "2023000412")),
        *rows(105, 6, (15, 90, 115, 145, 175),
               ("Popis", "Mnozstvi", "Cena za MJ", "DPH", "Celkem"),
               ("Lezak 12 sud 50 l", "6", "2 150,00", "21%", "12 900,00")),
        *rows(130, 5, (120, 170), ("Celkem bez DPH", "12 900,00"), ("DPH 21%", "2 709,00"),
               ("Celkem k uhrade", "15 609,00 Kc")),
    ),
    {"Inv_Number": "2023000412", "Inv_Date": "09-Mar-2023", "Due_Date": "23-Mar-2023",
     "Inv_Total": "15609.00", "Currency": "CZK", "Supplier_Name": "Pivovar Hora s.r.o.",
     "Buyer_Name": "Hotel Morava a.s."},
    items=1,
)  # fmt: skip

_US_INVOICE = Layout(
    "us_invoice",
    (
        (15, 20, "Blue Ridge Landscaping LLC", 15),
        *lines(15, 26, 4.5, "480 Mountain View Dr", "Asheville, NC 28801", "(828) 555-0147"),
        (160, 22, "INVOICE", 20),
        *rows(35, 5, (150, 175), ("INVOICE #", "1093"), ("DATE", "04/09/2023"),
               ("DUE DATE", "05/09/2023"), ("TERMS", "Net 30")),
        *lines(15, 55, 4.5, "BILL TO", "Pisgah Inn", "408 Blue Ridge Pkwy",
                "Waynesville, NC 28785"),
        *rows(85, 6, (15, 110, 135, 170), ("ACTIVITY", "QTY", "RATE", "AMOUNT"),
               ("Spring cleanup", "6", "65.00", "390.00"),
               ("Mulch, hardwood (cu yd)", "12", "48.00", "576.00")),
        *rows(115, 6, (130, 170), ("SUBTOTAL", "966.00"), ("TAX (7%)", "67.62"),
               ("TOTAL", "1,033.62"), ("BALANCE DUE", "$1,033.62")),
    ),
    {"Inv_Number": "1093", "Inv_Date": "09-Apr-2023", "Due_Date": "09-May-2023",
     "Sub-Total": "966.00", "Tax_Total": "67.62", "Inv_Total": "1033.62", "Currency": "USD",
     "Supplier_Name": "Blue Ridge Landscaping LLC", "Buyer_Name": "Pisgah Inn"},
    items=2,
)  # fmt: skip

_CH_RECHNUNG = Layout(
    "ch_rechnung",
    (
        *lines(15, 20, 4.5, "Malergeschäft Huber GmbH", "Seestrasse 12", "8002 Zürich",
                "CHE-123.456.789 MWST", "www.maler-huber.ch"),
        *lines(120, 50, 4.5, "Verwaltung Sonnhalde AG", "Herr P. Meier", "Bahnhofplatz 3",
                "8001 Zürich"),
        (120, 75, "Zürich, 12. März 2023"),
        (15, 90, "Rechnung Nr. 2023-118", 13),
        (15, 98, "Objekt: Treppenhaus Sonnhalde 4. Für die ausgeführten Arbeiten verrechnen wir:"),
        *rows(110, 6, (15, 90, 110, 140, 170), ("Leistung", "Menge", "Einheit", "Ansatz", "CHF"),
               ("Wände streichen", "86", "m2", "24.00", "2'064.00"),
               ("Abdeckarbeiten", "1", "psch", "350.00", "350.00")),
        *rows(135, 6, (120, 170), ("Zwischentotal", "2'414.00"), ("MWST 7.7%", "185.88"),
               ("Total inkl. MWST", "2'599.88")),
        (15, 165, "Zahlbar innert 30 Tagen netto auf IBAN CH93 0076 2011 6238 5295 7"),
    ),
    {"Inv_Number": "2023-118", "Inv_Date": "12-Mar-2023", "Sub-Total": "2414.00",
     "Tax_Total": "185.88", "Inv_Total": "2599.88", "Currency": "CHF",
     "Supplier_Name": "Malergeschäft Huber GmbH", "Buyer_Name": "Verwaltung Sonnhalde AG"},
    items=2,
)  # fmt: skip

_DE_HOTEL = Layout(
    "de_hotel",
    (
        (70, 18, "Hotel Alpenblick", 18), (62, 24, "Dorfstraße 1 · 87561 Oberstdorf", 8),
        *lines(15, 50, 4.5, "Firma", "Krone Consulting GmbH", "Königstr. 20", "70173 Stuttgart"),
        *rows(50, 5, (130, 165), ("Rechnung-Nr.", "R-8831"), ("Zimmer", "214"),
               ("Anreise", "12.06.22"), ("Abreise", "14.06.22"), ("Datum", "14.06.22")),
        *rows(90, 6, (15, 45, 120, 165), ("Datum", "Text", "Menge", "Betrag EUR"),
               ("12.06.22", "Übernachtung", "1", "119,00"),
               ("13.06.22", "Übernachtung", "1", "119,00"),
               ("13.06.22", "Restaurant", "1", "46,50")),
        *rows(120, 6, (120, 165), ("Gesamtbetrag", "284,50"), ("Bezahlt Visa", "284,50"),
               ("Offener Betrag", "0,00")),
        *rows(150, 5, (15, 45, 75, 105), ("MwSt", "Netto", "Steuer", "Brutto"),
               ("7 %", "222,43", "15,57", "238,00"), ("19 %", "39,08", "7,42", "46,50"),
               ("Summe", "261,51", "22,99", "284,50")),
        (15, 280, "Hotel Alpenblick, Inh. M. Vogler, Tel. 08322 1234, USt-IdNr. DE811223344", 7),
    ),
    {"Inv_Number": "R-8831", "Inv_Date": "14-Jun-2022", "Sub-Total": "261.51",
     "Tax_Total": "22.99", "Inv_Total": "284.50", "Currency": "EUR",
     "Supplier_Name": "Hotel Alpenblick", "Buyer_Name": "Krone Consulting GmbH"},
    items=3,
)  # fmt: skip

_FR_FREELANCE = Layout(
    "fr_freelance",
    (
        *lines(15, 20, 4.5, "Élodie Marchand - Graphiste", "18 rue Victor Hugo", "69002 Lyon",
                "SIRET 812 345 678 00019", "elodie@atelier-marchand.fr"),
        *lines(130, 50, 4.5, "Brasserie du Parc", "2 place Bellecour", "69002 Lyon"),
        (15, 75, "FACTURE N° 2023-014", 14),
        (130, 75, "Lyon, le 14 mars 2023"),
        *rows(90, 6, (15, 115, 140, 170), ("Prestation", "Quantité", "Prix unitaire", "Montant"),
               ("Création du logo", "1", "900,00 €", "900,00 €"),
               ("Déclinaison cartes et menus", "3", "120,00 €", "360,00 €")),
        *rows(120, 6, (130, 170), ("Total HT", "1 260,00 €"), ("Net à payer", "1 260,00 €")),
        (15, 135, "TVA non applicable, art. 293 B du CGI"),
        (15, 142, "Échéance : 13/04/2023"),
    ),
    {"Inv_Number": "2023-014", "Inv_Date": "14-Mar-2023", "Due_Date": "13-Apr-2023",
     "Inv_Total": "1260.00", "Sub-Total": "1260.00", "Currency": "EUR",
     "Supplier_Name": "Élodie Marchand", "Buyer_Name": "Brasserie du Parc"},
    items=2,
)  # fmt: skip

_EN_RECEIPT = Layout(
    "en_receipt",
    (
        (15, 20, "Receipt", 18),
        *rows(30, 5, (15, 50), ("Invoice number", "A1B2C3D4-0007"), ("Receipt number", "2417-5538"),
               ("Date paid", "November 3, 2022"), ("Payment method", "Visa - 4242")),
        *lines(15, 58, 4.5, "Pixelforge, Inc.", "548 Market Street", "San Francisco, CA 94104",
                "United States", "billing@pixelforge.io"),
        *lines(100, 58, 4.5, "Bill to", "Studio Kaya", "Hoofdstraat 9", "1012 AB Amsterdam",
                "Netherlands"),
        (15, 95, "$24.20 paid on November 3, 2022", 14),
        *rows(110, 6, (15, 110, 135, 170), ("Description", "Qty", "Unit price", "Amount"),
               ("Pro plan", "1", "$20.00", "$20.00")),
        *rows(128, 6, (110, 170), ("Subtotal", "$20.00"), ("Total excluding tax", "$20.00"),
               ("VAT - Netherlands (21% on $20.00)", "$4.20"), ("Total", "$24.20"),
               ("Amount paid", "$24.20")),
    ),
    {"Inv_Number": "A1B2C3D4-0007", "Inv_Date": "03-Nov-2022", "Sub-Total": "20.00",
     "Tax_Total": "4.20", "Inv_Total": "24.20", "Currency": "USD",
     "Supplier_Name": "Pixelforge, Inc.", "Buyer_Name": "Studio Kaya"},
    items=1,
)  # fmt: skip

_DE_CREDIT = Layout(
    "de_credit",
    (
        (120, 20, "Möbelwerk Süd GmbH & Co. KG", 12),
        *lines(120, 26, 4, "Industriering 44", "71034 Böblingen", "Telefon 07031 4455-0"),
        (15, 45, "Möbelwerk Süd GmbH & Co. KG · Industriering 44 · 71034 Böblingen", 6),
        *lines(15, 52, 4.5, "Einrichtungshaus Lang OHG", "Marktplatz 9", "89073 Ulm"),
        (15, 85, "Gutschrift", 15),
        *rows(95, 4.5, (15, 60, 105, 150),
               ("Gutschrift-Nr.", "Datum", "Kunden-Nr.", "Ihre Bestell-Nr."),
               ("GS-20220045", "02.08.2022", "30118", "B-7719")),
        *rows(115, 6, (15, 30, 100, 125, 150, 180),
               ("Pos.", "Bezeichnung", "Menge", "Einzelpreis", "USt.", "Gesamtpreis"),
               ("1", "Rückgabe Esstisch Eiche", "1", "489,00", "19%", "489,00")),
        *rows(135, 5, (130, 178), ("Nettobetrag", "489,00 €"), ("zzgl. 19 % USt.", "92,91 €"),
               ("Gutschriftsbetrag", "581,91 €")),
        *lines(15, 270, 3.5, "Amtsgericht Stuttgart HRA 12345 · USt-IdNr. DE145566778",
                "Sparkasse Böblingen · IBAN DE55 6035 0130 0001 2345 67"),
    ),
    {"Inv_Number": "GS-20220045", "Inv_Date": "02-Aug-2022", "PO_Number": "B-7719",
     "Sub-Total": "489.00", "Tax_Total": "92.91", "Inv_Total": "581.91", "Currency": "EUR",
     "Supplier_Name": "Möbelwerk Süd GmbH & Co. KG", "Buyer_Name": "Einrichtungshaus Lang OHG"},
    items=1,
)  # fmt: skip

LAYOUTS = (
    _UK_UTILITY, _DE_TELECOM, _FR_SHOP, _NL_ENERGY, _IT_FATTURA, _ES_FACTURA, _PT_FATURA,
    _PL_FAKTURA, _SV_FAKTURA, _DA_FAKTURA, _NO_FAKTURA, _FI_LASKU, _CS_FAKTURA, _US_INVOICE,
    _CH_RECHNUNG, _DE_HOTEL, _FR_FREELANCE, _EN_RECEIPT, _DE_CREDIT,
)  # fmt: skip
