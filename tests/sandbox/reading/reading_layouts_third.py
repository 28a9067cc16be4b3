"""A third set of invoices drawn for the tests: generators, viewers, stubs and sentences.

As in `reading_layouts.py` they were written before the reader was tried on them.
"""

from __future__ import annotations

from reading_layouts import Layout, lines, rows

__all__ = ["THIRD_LAYOUTS"]

_GENERATOR = Layout(
    "generator",
    (
        (15, 25, "Harbor Light Studio", 12), (150, 25, "INVOICE", 24), (178, 33, "# 42", 12),
        *lines(15, 55, 5, "Bill To:", "Quinn & Daughters"),
        *rows(55, 6, (120, 170), ("Date:", "Aug 3, 2022"), ("Payment Terms:", "Net 15"),
              ("Due Date:", "Aug 18, 2022"), ("PO Number:", "QD-118"),
              ("Balance Due:", "$2,310.00")),
        *rows(100, 7, (15, 105, 135, 170), ("Item", "Quantity", "Rate", "Amount"),
              ("Product photography, half day", "2", "$750.00", "$1,500.00"),
              ("Retouching", "20", "$30.00", "$600.00")),
        *rows(130, 7, (130, 170), ("Subtotal:", "$2,100.00"), ("Tax (10%):", "$210.00"),
              ("Total:", "$2,310.00")),
    ),
    {"Inv_Number": "42", "Inv_Date": "03-Aug-2022", "Due_Date": "18-Aug-2022",
     "PO_Number": "QD-118", "Sub-Total": "2100.00", "Tax_Total": "210.00",
     "Inv_Total": "2310.00", "Currency": "USD", "Supplier_Name": "Harbor Light Studio",
     "Buyer_Name": "Quinn & Daughters"},
    items=2,
)  # fmt: skip

_VIEWER = Layout(
    "viewer",
    (
        (15, 15, "Informationen zum Käufer", 11),
        *rows(22, 5, (15, 60), ("Leitweg-ID:", "991-12345-67"), ("Name:", "Stadt Musterhausen"),
              ("Straße:", "Rathausplatz 1"), ("PLZ:", "04109"), ("Ort:", "Musterhausen")),
        (110, 15, "Informationen zum Verkäufer", 11),
        *rows(22, 5, (110, 155), ("Firmenname:", "Bürobedarf Schwan GmbH"),
              ("Straße:", "Messestr. 3"), ("PLZ:", "04356"), ("Ort:", "Leipzig"),
              ("Umsatzsteuer-ID:", "DE123456780")),
        (15, 60, "Rechnungsdaten", 11),
        *rows(67, 5, (15, 60), ("Rechnungsnummer:", "XR-2021-0077"),
              ("Rechnungsdatum:", "15.11.2021"), ("Rechnungsart:", "380"), ("Währung:", "EUR"),
              ("Fälligkeitsdatum:", "15.12.2021"), ("Bestellnummer:", "B-4711")),
        (15, 110, "Gesamtbeträge der Rechnung", 11),
        *rows(117, 5, (15, 110), ("Summe aller Positionen (netto)", "240,00"),
              ("Gesamtsumme (netto)", "240,00"), ("Summe Umsatzsteuer", "45,60"),
              ("Gesamtsumme (brutto)", "285,60"), ("Gezahlter Betrag", "0,00"),
              ("Fälliger Betrag", "285,60")),
    ),
    {"Inv_Number": "XR-2021-0077", "Inv_Date": "15-Nov-2021", "Due_Date": "15-Dec-2021",
     "PO_Number": "B-4711", "Sub-Total": "240.00", "Tax_Total": "45.60", "Inv_Total": "285.60",
     "Currency": "EUR", "Supplier_Name": "Bürobedarf Schwan GmbH",
     "Buyer_Name": "Stadt Musterhausen"},
)  # fmt: skip

_BE_SENTENCE = Layout(
    "be_sentence",
    (
        *lines(15, 20, 4.5, "Drukkerij De Linde BVBA", "Steenweg 88", "9000 Gent",
               "BTW BE 0400.123.456", "IBAN BE68 5390 0754 7034"),
        *lines(120, 45, 4.5, "Stadsschouwburg vzw", "Grote Markt 2", "2800 Mechelen"),
        (15, 75, "Factuur 2019/00231 van 04/11/2019", 13),
        (15, 82, "Te betalen voor 04/12/2019"),
        *rows(95, 6, (15, 110, 135, 170), ("Omschrijving", "Aantal", "Prijs", "Bedrag"),
              ("Affiches A2 vierkleurendruk", "250", "0,86", "215,00"),
              ("Folders A5", "2.000", "0,07", "140,00")),
        *rows(120, 6, (120, 170), ("Maatstaf van heffing", "355,00"), ("BTW 21 %", "74,55"),
              ("Totaal EUR", "429,55")),
    ),
    {"Inv_Number": "2019/00231", "Inv_Date": "04-Nov-2019", "Due_Date": "04-Dec-2019",
     "Tax_Total": "74.55", "Inv_Total": "429.55", "Currency": "EUR",
     "Supplier_Name": "Drukkerij De Linde BVBA", "Buyer_Name": "Stadsschouwburg vzw"},
    items=2,
)  # fmt: skip

_ES_LUZ = Layout(
    "es_luz",
    (
        (15, 18, "Energía Levante, S.A. Unipersonal", 12), (15, 23, "CIF A81948077", 7),
        (15, 35, "DATOS DE LA FACTURA", 11),
        *rows(41, 5, (15, 70), ("Nº factura:", "PZZ901N0025443"),
              ("Referencia:", "999432023726/0143"),
              ("Fecha emisión factura:", "14/02/2022"),
              ("Periodo de facturación:", "del 10/01/2022 a 09/02/2022"),
              ("Fecha de cargo:", "21/02/2022")),
        *lines(120, 45, 4.5, "CARMEN SOLER VIDAL", "CL COLON 12 4 B", "46004 VALENCIA"),
        (15, 75, "RESUMEN DE LA FACTURA", 11),
        *rows(82, 5, (15, 95), ("Potencia", "14,21 €"), ("Energía", "52,80 €"),
              ("Impuestos", "9,07 €"), ("Alquiler del contador", "0,83 €"), ("Total", "76,91 €")),
        (120, 82, "IMPORTE FACTURA: 76,91 €", 12),
        (15, 280, ("Energía Levante, S.A. Unipersonal. Inscrita en el Registro Mercantil de Madrid."
                  " Domicilio: C/ Ribera del Loira 60, 28042 Madrid"), 6),
    ),
    {"Inv_Number": "PZZ901N0025443", "Inv_Date": "14-Feb-2022", "Inv_Total": "76.91",
     "Currency": "EUR", "Buyer_Name": "CARMEN SOLER VIDAL"},
)  # fmt: skip

_DE_FACTORING = Layout(
    "de_stacked_boxes",
    (
        (130, 18, "Stahlbau Kröger", 16), (130, 24, "Inh. Hans Kröger e.K.", 9),
        (15, 48, "Stahlbau Kröger, Werftweg 2, 26721 Emden", 6),
        *lines(15, 54, 4.5, "Hafenlogistik Ems", "GmbH & Co. KG", "Kaistraße 14", "26723 Emden"),
        *lines(130, 60, 3.8, "Rechnungs-Nr."), (130, 64.5, "19-1044", 11),
        *lines(160, 60, 3.8, "Rechnungsdatum"), (160, 64.5, "12.09.2019", 11),
        *lines(130, 71, 3.8, "Kunden-Nr."), (130, 75.5, "10233", 11),
        *lines(160, 71, 3.8, "Lieferschein"), (160, 75.5, "19-0987", 11),
        (15, 92, "RECHNUNG", 14),
        *rows(102, 6, (15, 28, 110, 130, 150, 178),
              ("Pos.", "Artikel", "Menge", "ME", "Preis", "Gesamt"),
              ("10", "Treppengeländer verzinkt", "12,50", "m", "184,00", "2.300,00"),
              ("20", "Montage", "16,00", "Std", "52,00", "832,00")),
        *rows(128, 6, (110, 178), ("Nettowert", "3.132,00"),
              ("MwSt 19,00 % von 3.132,00", "595,08"), ("Endbetrag EUR", "3.727,08")),
        (15, 155, "Zahlbar innerhalb 8 Tagen mit 2 % Skonto = 3.652,54 EUR, 30 Tage netto."),
    ),
    {"Inv_Number": "19-1044", "Inv_Date": "12-Sep-2019", "Sub-Total": "3132.00",
     "Tax_Total": "595.08", "Inv_Total": "3727.08", "Currency": "EUR",
     "Supplier_Name": "Stahlbau Kröger", "Buyer_Name": "Hafenlogistik Ems"},
    items=2,
)  # fmt: skip

_UK_LIMITED = Layout(
    "uk_right_labels",
    (
        (15, 20, "Page 1 of 1", 7), (15, 30, "VAT INVOICE", 16),
        *rows(40, 5, (145, 150), (">Invoice No", "SI-0099812"), (">Tax Point", "31/10/2021"),
              (">Account Ref", "WES01"), (">Your Order No", "PO 55123"), (">Terms", "30 days")),
        *lines(15, 42, 4.5, "Westbury Schools Trust", "Finance Office", "Church Lane",
               "Westbury BA13 3QA"),
        *rows(85, 6, (15, 45, 120, 140, 165, 190),
              ("Stock Code", "Description", "Qty", "Unit Price", "VAT", ">Net"),
              ("CH-10", "Stacking chair, blue", "30", "18.75", "20", ">562.50"),
              ("TB-04", "Folding table", "6", "49.00", "20", ">294.00")),
        *rows(230, 6, (165, 190), (">Total Net Amount", ">856.50"), (">Carriage Net", ">25.00"),
              (">Total Tax Amount", ">176.30"), (">Invoice Total", ">£1,057.80")),
        *lines(15, 275, 3.5, "Severn Contract Furniture Limited, 12 Dock Road, Gloucester GL1 2EH",
               "Company Reg No 04411223  VAT Reg No 771 2233 10  Tel 01452 555 010"),
    ),
    {"Inv_Number": "SI-0099812", "Inv_Date": "31-Oct-2021", "PO_Number": "PO 55123",
     "Sub-Total": "856.50", "Tax_Total": "176.30", "Inv_Total": "1057.80", "Currency": "GBP",
     "Supplier_Name": "Severn Contract Furniture Limited",
     "Buyer_Name": "Westbury Schools Trust"},
    items=2,
)  # fmt: skip

_FR_EAU = Layout(
    "fr_eau",
    (
        (15, 18, "Régie des Eaux du Marais", 13),
        *lines(15, 25, 4, "8 rue du Réservoir, 17000 La Rochelle", "SIRET 200 041 762 00014"),
        *lines(115, 50, 4.5, "MME PAULINE GIRARD", "3 RUE DES MOUETTES", "17340 CHATELAILLON"),
        (15, 80, "Facture n° 2022-EA-00811 du 18 mai 2022", 12),
        (15, 86, "Référence client : 0071 2281 A"), (15, 91, "Relevé du 02/05/2022"),
        *rows(105, 6, (15, 90, 120, 150, 178),
              ("", "Quantité", "Prix unitaire", "Montant HT", "TVA"),
              ("Abonnement", "", "", "24,50", "5,5"), ("Consommation", "62 m3", "1,4210",
                                                     "88,10", "5,5"),
              ("Assainissement", "62 m3", "1,1000", "68,20", "10,0")),
        *rows(140, 6, (120, 178), ("Total HT", "180,80"), ("Montant TVA", "13,01"),
              ("Total TTC", "193,81"), ("Net à payer avant le 08/06/2022", "193,81 €")),
    ),
    {"Inv_Number": "2022-EA-00811", "Inv_Date": "18-May-2022", "Due_Date": "08-Jun-2022",
     "Sub-Total": "180.80", "Tax_Total": "13.01", "Inv_Total": "193.81", "Currency": "EUR",
     "Supplier_Name": "Régie des Eaux du Marais", "Buyer_Name": "MME PAULINE GIRARD"},
)  # fmt: skip

_US_SAAS = Layout(
    "us_saas",
    (
        (15, 20, "Statement of charges", 16), (15, 28, "Northgate Analytics Inc."),
        *lines(15, 33, 4.5, "1 Infinite Way, Suite 300", "Austin, TX 78701"),
        *rows(28, 5, (120, 160), ("Invoice", "NA-2022-10-8841"), ("Billed On", "Oct 31, 2022"),
              ("Terms", "Due on receipt")),
        *lines(15, 55, 4.5, "Billed To", "Orchard Bio Ltd", "accounts@orchardbio.example",
               "Unit 4, Science Park", "Cambridge CB4 0WS", "United Kingdom"),
        *rows(95, 6, (15, 90, 130, 170), ("DESCRIPTION", "DATES", "PRICE", "TOTAL (USD)"),
              ("Team plan x 5", "Oct 1 - Oct 31, 2022", "$49.00", "$245.00"),
              ("Overage events", "Oct 1 - Oct 31, 2022", "$0.0004", "$18.20")),
        *rows(120, 6, (130, 170), ("Sub Total", "$263.20"), ("Sales tax (0%)", "$0.00"),
              ("Total", "$263.20"), ("Payments", "($263.20)"), ("Amount Due (USD)", "$0.00")),
    ),
    {"Inv_Number": "NA-2022-10-8841", "Inv_Date": "31-Oct-2022", "Sub-Total": "263.20",
     "Tax_Total": "0.00", "Inv_Total": "263.20", "Currency": "USD",
     "Supplier_Name": "Northgate Analytics Inc.", "Buyer_Name": "Orchard Bio Ltd"},
    items=2,
)  # fmt: skip

THIRD_LAYOUTS = (
    _GENERATOR, _VIEWER, _BE_SENTENCE, _ES_LUZ, _DE_FACTORING, _UK_LIMITED, _FR_EAU, _US_SAAS,
)  # fmt: skip
