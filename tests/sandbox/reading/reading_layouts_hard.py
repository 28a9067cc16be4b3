"""More invoices drawn for the tests: harder layouts, after those of well-known senders.

Shops, clouds, telecoms, insurers and letters that state their sums in a sentence. As in
`reading_layouts.py` they were written before the reader was tried on them.
"""

from __future__ import annotations

from reading_layouts import Layout, lines, rows

__all__ = ["HARD_LAYOUTS"]

_ERP = Layout(
    "erp_bill",
    (
        (15, 20, "Azur Meubles", 14),
        *lines(130, 45, 4.5, "Deco Addict", "77 Santa Barbara Rd", "Pleasant Hill CA 94523",
               "United States"),
        (15, 80, "Invoice INV/2023/03/0008", 18),
        *rows(90, 4.5, (15, 60, 105, 150), ("Invoice Date:", "Due Date:", "Source:", "Reference:"),
              ("03/20/2023", "04/19/2023", "S00021", "CUST-REF 7")),
        *rows(110, 6, (15, 95, 125, 150, 172),
              ("Description", "Quantity", "Unit Price", "Taxes", "Amount"),
              ("[FURN_7777] Office Chair", "4.00", "70.00", "15%", "$ 280.00"),
              ("[FURN_8888] Office Lamp", "2.00", "40.00", "15%", "$ 80.00")),
        *rows(135, 6, (130, 172), ("Untaxed Amount", "$ 360.00"), ("Tax 15%", "$ 54.00"),
              ("Total", "$ 414.00"), ("Paid on 03/25/2023", "$ 414.00"), ("Amount Due", "$ 0.00")),
        (15, 175, "Please use the following communication for your payment : INV/2023/03/0008"),
        (15, 280, "Azur Meubles SA  +32 2 555 01 02  info@azurmeubles.example.com  BE0477472701"),
    ),
    {"Inv_Number": "INV/2023/03/0008", "Inv_Date": "20-Mar-2023", "Due_Date": "19-Apr-2023",
     "Sub-Total": "360.00", "Tax_Total": "54.00", "Inv_Total": "414.00", "Currency": "USD",
     "Buyer_Name": "Deco Addict"},
    items=2,
)  # fmt: skip

_HOSTER = Layout(
    "hoster",
    (
        (15, 30, "Serverhof Online GmbH - Industriestr. 25 - 91710 Gunzenhausen", 6),
        *lines(15, 40, 4.5, "Webagentur Linde", "Paul Linde", "Gartenweg 3", "90402 Nürnberg"),
        *lines(140, 40, 4.5, "Serverhof Online GmbH", "Industriestr. 25", "91710 Gunzenhausen",
               "Tel.: +49 9831 505-0", "www.serverhof.example", "USt-IdNr.: DE812871812"),
        *rows(85, 4.5, (15, 45), ("Rechnungsnr.:", "R0012345678"),
              ("Rechnungsdatum:", "02.01.2019"), ("Kundennr.:", "K0123456789")),
        (15, 105, "Rechnung 12/2018", 12),
        *rows(115, 6, (15, 100, 130, 170), ("Bezeichnung", "Menge", "Einzelpreis", "Gesamt"),
              ("vServer CX20 (12/2018)", "1", "4,9412 €", "4,9412 €"),
              ("Backup", "1", "0,9882 €", "0,9882 €")),
        *rows(140, 6, (110, 170), ("Summe (netto):", "5,93 €"), ("zzgl. 19% USt.:", "1,13 €"),
              ("Zu zahlender Gesamtbetrag:", "7,06 €")),
        (15, 170, "Der Betrag wird in den nächsten Tagen von Ihrem Konto abgebucht."),
    ),
    {"Inv_Number": "R0012345678", "Inv_Date": "02-Jan-2019", "Sub-Total": "5.93",
     "Tax_Total": "1.13", "Inv_Total": "7.06", "Currency": "EUR",
     "Supplier_Name": "Serverhof Online GmbH", "Buyer_Name": "Webagentur Linde"},
    items=2,
)  # fmt: skip

_FR_MOBILE = Layout(
    "fr_mobile",
    (
        *lines(15, 20, 4.5, "votre facture mobile", "du 08/03/2016"),
        *rows(35, 4.5, (15, 60), ("n° de facture", "0612 340 589 18M3-1C04"),
              ("n° de compte client", "0612340589"), ("votre numéro de mobile", "06 12 34 05 89")),
        *lines(120, 50, 4.5, "M. Lucas Bernard", "4 impasse du Moulin", "35000 Rennes"),
        *rows(85, 6, (15, 110, 140, 170), ("", "HT", "TVA", "TTC"),
              ("abonnements et forfaits", "16,66", "3,33", "19,99"),
              ("services complémentaires", "2,50", "0,50", "3,00"),
              ("total du montant prélevé", "19,16", "3,83", "22,99 €")),
        (15, 125, "Le montant de 22,99 € sera prélevé le 24/03/2016 sur votre compte."),
        (15, 280, ("Mobilis SA au capital de 1 000 000 € - 78 rue Olivier 75015 Paris -"
                  " RCS Paris 380 129 866 - TVA FR 89 380129866"), 6),
    ),
    {"Inv_Date": "08-Mar-2016", "Inv_Total": "22.99", "Currency": "EUR",
     "Supplier_Name": "Mobilis SA", "Buyer_Name": "M. Lucas Bernard"},
)  # fmt: skip

_INDIAN_SHOP = Layout(
    "indian_shop",
    (
        (80, 15, "Tax Invoice", 14),
        (15, 25, "Sold By: Tech Bazaar Retail Private Limited ,", 10),
        (15, 30, "Ship-from Address: Plot 12, Bhiwandi, Mumbai, Maharashtra, India - 421302", 7),
        (15, 35, "GSTIN - 27AACCF0683K1ZD", 8), (140, 25, "Invoice Number # FACC0Q1700004142", 8),
        *rows(45, 4.5, (15, 75, 135), ("Order ID: OD108467123", "Bill To", "Ship To"),
              ("Order Date: 04-03-2017", "Ravi Kumar", "Ravi Kumar"),
              ("Invoice Date: 05-03-2017", "12 MG Road, Bengaluru", "12 MG Road, Bengaluru"),
              ("PAN: aaccf0683k", "560001 Karnataka", "560001 Karnataka")),
        *rows(75, 6, (15, 80, 100, 130, 150, 175),
              ("Product", "Qty", "Gross Amount", "Discount", "Taxable value", "Total"),
              ("USB Cable 1 m", "1", "399.00", "-80.00", "270.34", "319.00"),
              ("Shipping And Packaging Charges", "1", "0.00", "0", "0.00", "0.00"),
              ("Total", "1", "399.00", "-80.00", "270.34", "319.00")),
        (130, 105, "Grand Total   Rs. 319.00", 12),
        (140, 112, "Tech Bazaar Retail Private Limited", 7), (150, 125, "Authorized Signatory", 7),
    ),
    {"Inv_Number": "FACC0Q1700004142", "Inv_Date": "05-Mar-2017", "Inv_Total": "319.00",
     "Currency": "INR", "Supplier_Name": "Tech Bazaar Retail Private Limited",
     "Buyer_Name": "Ravi Kumar"},
)  # fmt: skip

_MARKET = Layout(
    "market",
    (
        (15, 20, "envelo market", 16), (150, 20, "INVOICE", 16),
        *rows(35, 5, (140, 165), ("Date:", "19 May 2016"), ("Invoice No:", "IVIP13042189"),
              ("Order No:", "28417702")),
        *lines(15, 40, 4.5, "To:", "Klaus Peters", "Am Hang 4", "50667 Köln", "Germany"),
        *lines(15, 70, 4.5, "From:", "Envelo Pty Ltd", "PO Box 16122, Collins Street West",
               "Victoria 8007 Australia", "ABN: 11 119 159 741"),
        *rows(100, 6, (15, 150, 175), ("Item", "", "Price"),
              ("Responsive Theme, regular licence", "", "$ 59.00"),
              ("Handling fee", "", "$ 2.00"), ("VAT 19% (Germany)", "", "$ 11.59"),
              ("Invoice Total (in USD)", "", "$ 72.59"),
              ("Payment received with thanks", "", "-$ 72.59"), ("Amount due", "", "$ 0.00")),
    ),
    {"Inv_Number": "IVIP13042189", "Inv_Date": "19-May-2016", "Inv_Total": "72.59",
     "Currency": "USD", "Supplier_Name": "Envelo Pty Ltd", "Buyer_Name": "Klaus Peters"},
)  # fmt: skip

_CLOUD = Layout(
    "cloud",
    (
        (15, 20, "Oceandrop", 16), (110, 20, "Final invoice for the March 2023 billing period", 10),
        *lines(15, 35, 4.5, "From", "Oceandrop LLC", "101 6th Ave", "New York, NY 10013",
               "VAT ID: EU528002224"),
        *lines(80, 35, 4.5, "For", "Keller Data", "keller@keller-data.example", "Ringstr. 2",
               "4051 Basel", "CH"),
        *rows(35, 4.5, (135, 170), ("Details", ""), ("Invoice number:", "494412345"),
              ("Date of issue:", "April 1, 2023"), ("Payment due on:", "April 1, 2023")),
        (15, 75, "Summary", 13),
        *rows(85, 6, (15, 175), ("Total usage charges", "$23.10"), ("Subtotal", "$23.10"),
              ("VAT - Switzerland (7.70%)", "$1.78"), ("Total due", "$24.88")),
        (15, 115, ("If you have a credit card on file, it will be automatically charged within 24"
                  " hours")),
        (15, 130, "Product usage charges", 12),
        *rows(138, 5, (15, 90, 110, 135, 175), ("Droplets", "Hours", "Start", "End", "$23.10"),
              ("web-1 (s-1vcpu-2gb)", "743", "03-01 00:00", "04-01 00:00", "$12.00"),
              ("db-1 (s-1vcpu-2gb)", "672", "03-01 00:00", "03-29 00:00", "$11.10")),
    ),
    {"Inv_Number": "494412345", "Inv_Date": "01-Apr-2023", "Due_Date": "01-Apr-2023",
     "Sub-Total": "23.10", "Tax_Total": "1.78", "Inv_Total": "24.88", "Currency": "USD",
     "Supplier_Name": "Oceandrop LLC", "Buyer_Name": "Keller Data"},
)  # fmt: skip

_DE_MARKETPLACE = Layout(
    "de_marketplace",
    (
        (150, 20, "Rechnung", 18), (15, 20, "warenhaus.example", 16),
        *lines(110, 30, 4.5, "Zahlungsreferenznummer 3xTq8Z4bP5", "Verkauft von Kabelwelt e.K.",
               "USt-ID DE299887766"),
        *rows(48, 4.5, (110, 165), ("Rechnungsdatum", "23 Mai 2021"), ("/Lieferdatum", ""),
              ("Rechnungsnummer", "DE12AB34567I"), ("Zahlbetrag", "18,97 €")),
        *lines(15, 40, 4.5, "Jonas Fink", "Hauptstr. 5", "04109 Leipzig", "DE"),
        *lines(15, 80, 4.5, "Rechnungsadresse", "Jonas Fink", "Hauptstr. 5", "04109 Leipzig"),
        *lines(75, 80, 4.5, "Lieferadresse", "Jonas Fink", "Packstation 101", "04103 Leipzig"),
        *lines(135, 80, 4.5, "Verkauft von", "Kabelwelt e.K.", "Am Markt 1", "99084 Erfurt"),
        (15, 110, "Bestellinformationen"),
        *rows(116, 4.5, (15, 60), ("Bestelldatum", "21 Mai 2021"),
              ("Bestellnummer", "302-1234567-8901234")),
        *rows(135, 5, (15, 90, 105, 130, 150, 175),
              ("Beschreibung", "Menge", "Stückpreis", "USt. %", "Stückpreis", "Zwischensumme"),
              ("", "", "(ohne USt.)", "", "(inkl. USt.)", "(inkl. USt.)"),
              ("HDMI-Kabel 2 m, vergoldet", "2", "6,29 €", "19 %", "7,49 €", "14,98 €"),
              ("Versandkosten", "", "3,35 €", "", "3,99 €", "3,99 €")),
        (130, 165, "Gesamtpreis"), (175, 165, "18,97 €"),
        *rows(175, 5, (110, 135, 170), ("USt. %", "Zwischensumme (ohne USt.)", "USt."),
              ("19 %", "15,94 €", "3,03 €"), ("USt. Gesamt", "15,94 €", "3,03 €")),
    ),
    {"Inv_Number": "DE12AB34567I", "Inv_Date": "23-May-2021", "Inv_Total": "18.97",
     "Currency": "EUR", "Tax_Total": "3.03", "PO_Number": "302-1234567-8901234",
     "Supplier_Name": "Kabelwelt e.K.", "Buyer_Name": "Jonas Fink"},
    items=2,
)  # fmt: skip

_INSURER = Layout(
    "insurer",
    (
        *lines(15, 20, 4.5, "Schutz und Trutz Versicherung AG", "Versicherungsplatz 1",
               "60311 Frankfurt am Main"),
        *lines(15, 50, 4.5, "Spedition Anders GmbH", "Hafenstraße 50", "20457 Hamburg"),
        *rows(50, 5, (120, 165), ("Versicherungsschein-Nr.", "KR-100-2233"),
              ("Rechnungs-Nr.", "2013-998877"), ("Rechnungsdatum", "02.12.2013"),
              ("Kunden-Nr.", "445566")),
        (15, 85, "Beitragsrechnung zur Kraftfahrtversicherung", 12),
        (15, 92, "Zeitraum 01.01.2014 bis 31.12.2014"),
        *rows(105, 6, (15, 120, 165), ("Fahrzeug", "Kennzeichen", "Beitrag EUR"),
              ("Haftpflicht", "HH-SA 101", "412,50"), ("Vollkasko", "HH-SA 101", "688,00")),
        *rows(130, 6, (100, 165), ("Nettobeitrag", "1.100,50"),
              ("Versicherungsteuer 19%", "209,10"), ("Gesamtbeitrag", "1.309,60")),
        (15, 160, "Der Beitrag ist am 01.01.2014 fällig und wird per Lastschrift eingezogen."),
    ),
    {"Inv_Number": "2013-998877", "Inv_Date": "02-Dec-2013", "Sub-Total": "1100.50",
     "Tax_Total": "209.10", "Inv_Total": "1309.60", "Currency": "EUR",
     "Supplier_Name": "Schutz und Trutz Versicherung AG", "Buyer_Name": "Spedition Anders GmbH"},
)  # fmt: skip

_CORRECTION = Layout(
    "correction",
    (
        (15, 20, "Rechnungskorrektur (384) Nr. RK21012345 vom 16.09.2013", 13),
        *rows(30, 6, (16, 70), ("Währung:", "EUR"), ("Liefer- und Leistungsdatum:", "16.09.2013"),
              ("Vorhergehende Rechnung:", "RE21012345 vom 10.09.2013")),
        *rows(65, 6, (16, 70), ("Verkäufer", ""), ("Nummer:", "549910"),
              ("Name:", "MUSTERHANDEL GMBH"), ("Anschrift:", "BAHNHOFSTRASSE 99"),
              ("", "DE 99199 MUSTERHAUSEN"), ("USt.-Id.-Nr.:", "DE123456789")),
        *rows(110, 6, (16, 70), ("Käufer/Leistungsempfänger", ""), ("Nummer:", "009420"),
              ("Name:", "KAUFHAUS WEST KG"), ("Anschrift:", "KUNDENWEG 88"),
              ("", "DE 40235 DUESSELDORF")),
        (16, 160, "Belegsummen", 11),
        *rows(168, 6, (16, 150), ("Positionssumme", "-7,67"),
              ("Gesamtbetrag der Abschläge", "-0,00"), ("Rechnungssumme ohne USt.", "-7,67"),
              ("Steuerbetrag", "-1,16"), ("Bruttosumme", "-8,83"), ("Zahlbetrag", "-8,83")),
    ),
    {"Inv_Number": "RK21012345", "Inv_Date": "16-Sep-2013", "Sub-Total": "-7.67",
     "Tax_Total": "-1.16", "Inv_Total": "-8.83", "Currency": "EUR",
     "Supplier_Name": "MUSTERHANDEL GMBH", "Buyer_Name": "KAUFHAUS WEST KG"},
)  # fmt: skip

_SOFTWARE = Layout(
    "software",
    (
        (15, 20, "INVOICE", 18),
        *lines(120, 20, 4.5, "Softcraft Systems Ireland Ltd.", "4-6 Riverwalk",
               "Citywest Business Campus", "Dublin 24", "IRELAND", "VAT No: IE 6364992H"),
        *lines(15, 55, 4.5, "Bill To:", "Tischlerei Ahorn", "Waldweg 1", "1140 WIEN", "AUSTRIA"),
        *rows(55, 4.5, (110, 160), ("Invoice Number", "IEE2022004411"),
              ("Invoice Date", "11-MAY-2022"), ("Payment Terms", "Credit Card"),
              ("Due Date", "11-MAY-2022"), ("Purchase Order", "AD022334455EU"),
              ("Currency", "EUR"), ("Customer Number", "1102938")),
        *rows(100, 6, (15, 35, 100, 120, 145, 175),
              ("Line", "Product Description", "Quantity", "Unit Price", "VAT", "Net Amount"),
              ("1", "Creative Suite All Apps", "1", "54.14", "20.00%", "54.14")),
        *rows(125, 6, (130, 175), ("NET AMOUNT (EUR)", "54.14"), ("VAT 20.00%", "10.83"),
              ("GRAND TOTAL (EUR)", "64.97")),
    ),
    {"Inv_Number": "IEE2022004411", "Inv_Date": "11-May-2022", "Due_Date": "11-May-2022",
     "PO_Number": "AD022334455EU", "Sub-Total": "54.14", "Tax_Total": "10.83",
     "Inv_Total": "64.97", "Currency": "EUR", "Supplier_Name": "Softcraft Systems Ireland Ltd.",
     "Buyer_Name": "Tischlerei Ahorn"},
    items=1,
)  # fmt: skip

_NL_TELECOM = Layout(
    "nl_telecom",
    (
        (15, 20, "Telemax", 18), *lines(120, 20, 4.5, "Telemax B.V.", "Postbus 30000",
                                        "2500 GA Den Haag", "klantenservice 0800 0402"),
        *lines(15, 50, 4.5, "De heer B. Jansen", "Molenpad 11", "2611 AB Delft"),
        *rows(80, 4, (15, 60, 105, 150), ("Datum", "Klantnummer", "Factuurnummer", "Totaalbedrag"),
              ("05-02-2022", "2200118", "FE0-20220205-77", "€ 42,50")),
        (15, 100, "Uw factuur van februari 2022", 13),
        *rows(110, 6, (15, 165), ("Internet & TV", "€ 35,12"), ("Subtotaal excl. btw", "€ 35,12"),
              ("21% btw over € 35,12", "€ 7,38"), ("Totaal incl. btw", "€ 42,50")),
        (15, 150, "Het bedrag wordt omstreeks 22-02-2022 afgeschreven van NL20 INGB 0001 2345 67"),
        (15, 280, "KvK Den Haag 27124701 BTW NL009292056B01", 7),
    ),
    {"Inv_Number": "FE0-20220205-77", "Inv_Date": "05-Feb-2022", "Inv_Total": "42.50",
     "Sub-Total": "35.12", "Tax_Total": "7.38", "Currency": "EUR",
     "Supplier_Name": "Telemax B.V.", "Buyer_Name": "De heer B. Jansen"},
)  # fmt: skip

_IT_BOLLETTA = Layout(
    "it_bolletta",
    (
        (15, 20, "LuceViva Energia S.p.A.", 14),
        *lines(15, 30, 4.5, "Bolletta per la fornitura di energia elettrica",
               "Fattura n. 4410028831 del 12/01/2023", "Periodo: novembre - dicembre 2022"),
        *lines(120, 45, 4.5, "Gentile Cliente", "GIULIA FERRARI", "VIA DANTE 7",
               "40124 BOLOGNA (BO)"),
        *rows(80, 6, (15, 60), ("Totale da pagare", "128,45 €"), ("Scadenza", "02/02/2023"),
              ("Codice cliente", "881 223 009"), ("POD", "IT001E12345678")),
        *rows(120, 6, (15, 165), ("Spesa per la materia energia", "70,11"),
              ("Spesa per il trasporto", "28,55"), ("Imposte", "6,00"), ("IVA", "11,51"),
              ("Canone di abbonamento alla televisione", "12,28"),
              ("Totale bolletta", "128,45")),
        (15, 280, "LuceViva Energia S.p.A. - Viale Regina 12 - 00198 Roma - P.IVA 15844561009", 7),
    ),
    {"Inv_Number": "4410028831", "Inv_Date": "12-Jan-2023", "Due_Date": "02-Feb-2023",
     "Inv_Total": "128.45", "Currency": "EUR", "Supplier_Name": "LuceViva Energia S.p.A.",
     "Buyer_Name": "GIULIA FERRARI"},
)  # fmt: skip

_ES_TELECOM = Layout(
    "es_telecom",
    (
        (15, 20, "MOVILINEA", 18), (15, 26, "Telefonía Movilínea España, S.A.U. CIF A78923125", 7),
        *rows(35, 4.5, (15, 60), ("Nº Factura:", "28-D2TA-003312"),
              ("Fecha de emisión:", "1 de diciembre de 2021"),
              ("Periodo de facturación:", "18 oct. a 17 nov. 21"), ("NIF:", "12345678Z")),
        *lines(120, 45, 4.5, "D. Miguel Ortega Ruiz", "C/ Alcalá 200 3º B", "28028 Madrid"),
        *rows(90, 6, (15, 165), ("Resumen de la factura", "Importe (Euros)"),
              ("Cuotas", "38,8430"), ("Total (Base Imponible)", "38,84"), ("IVA (21%)", "8,16"),
              ("TOTAL A PAGAR", "47,00")),
        (15, 140, "Fecha de cargo en cuenta: a partir del 6 de diciembre de 2021"),
    ),
    {"Inv_Number": "28-D2TA-003312", "Inv_Date": "01-Dec-2021", "Sub-Total": "38.84",
     "Tax_Total": "8.16", "Inv_Total": "47.00", "Currency": "EUR",
     "Buyer_Name": "D. Miguel Ortega Ruiz"},
)  # fmt: skip

_LETTER = Layout(
    "letter",
    (
        *lines(120, 20, 4.5, "Rechtsanwältin Dr. Ute Brandt", "Schlossplatz 4", "48149 Münster",
               "Tel. 0251 445566", "Steuernummer 337/5012/1188"),
        *lines(15, 50, 4.5, "Herrn", "Dieter Vogt", "Am Bach 9", "48161 Münster"),
        (140, 80, "Münster, den 8.6.2020"),
        (15, 90, "Kostenrechnung Nr. 2020/57", 12),
        *lines(15, 100, 5, "Sehr geehrter Herr Vogt,",
               "für meine Tätigkeit in Ihrer Mietsache berechne ich Ihnen:"),
        *rows(115, 6, (15, 165), ("1,3 Geschäftsgebühr Nr. 2300 VV RVG", "327,60 €"),
              ("Auslagenpauschale Nr. 7002 VV RVG", "20,00 €"),
              ("Zwischensumme", "347,60 €"), ("19 % Umsatzsteuer Nr. 7008 VV RVG", "66,04 €"),
              ("Summe", "413,64 €")),
        *lines(15, 155, 5, "Ich bitte um Überweisung bis zum 22.6.2020 auf mein Konto",
               "IBAN DE02 4005 0150 0000 1234 56."),
    ),
    {"Inv_Number": "2020/57", "Inv_Date": "08-Jun-2020", "Sub-Total": "347.60",
     "Tax_Total": "66.04", "Inv_Total": "413.64", "Currency": "EUR",
     "Supplier_Name": "Rechtsanwältin Dr. Ute Brandt", "Buyer_Name": "Dieter Vogt"},
)  # fmt: skip

_FR_MODEL = Layout(
    "fr_model",
    (
        *lines(15, 20, 4.5, "LE VENDEUR", "35 rue de la Paix", "75002 PARIS", "FRANCE",
               "SIRET : 123 456 789 00035", "TVA : FR11123456789"),
        (130, 22, "FACTURE N° : F20220031", 11), (130, 28, "Date : 31/01/2022"),
        (130, 33, "Échéance : 02/03/2022"), (130, 38, "Commande N° : PO201925478"),
        *lines(120, 55, 4.5, "LE CLIENT", "ADRESSE CLIENT", "06000 MARSEILLE", "FRANCE"),
        *rows(95, 5, (15, 75, 95, 115, 135, 155, 178),
              ("Désignation", "Qté", "Unité", "PU HT", "Remise", "TVA %", "Montant HT"),
              ("PRESTATION D'AUDIT", "5", "jour", "60,00", "", "20,0", "300,00"),
              ("FRAIS DE DEPLACEMENT", "1", "forfait", "50,00", "5,00", "10,0", "45,00")),
        *rows(130, 5, (15, 40, 70), ("Taux TVA", "Base HT", "Montant TVA"),
              ("20,0 %", "300,00", "60,00"), ("10,0 %", "45,00", "4,50")),
        *rows(130, 5, (130, 175), ("TOTAL HT", "345,00 €"), ("TOTAL TVA", "64,50 €"),
              ("TOTAL TTC", "409,50 €"), ("ACOMPTE", "100,00 €"), ("NET A PAYER", "309,50 €")),
    ),
    {"Inv_Number": "F20220031", "Inv_Date": "31-Jan-2022", "Due_Date": "02-Mar-2022",
     "PO_Number": "PO201925478", "Sub-Total": "345.00", "Tax_Total": "64.50",
     "Inv_Total": "409.50", "Currency": "EUR", "Supplier_Name": "LE VENDEUR",
     "Buyer_Name": "LE CLIENT"},
    items=2,
)  # fmt: skip

_RIDE = Layout(
    "ride",
    (
        (15, 20, "Thanks for riding, Emma", 16), (150, 20, "April 7, 2022"),
        (15, 35, "Total", 14), (160, 35, "CA$18.42", 14),
        *rows(50, 6, (15, 170), ("Trip fare", "CA$14.90"), ("Subtotal", "CA$14.90"),
              ("Booking Fee", "CA$1.40"), ("HST", "CA$2.12")),
        (15, 90, "Amount Charged"), (15, 96, "Visa ****4242"), (170, 96, "CA$18.42"),
        (15, 120, "You rode with Tomasz"), (15, 130, "9:41 PM  200 King St W, Toronto, ON"),
        (15, 137, "9:58 PM  77 Queens Park, Toronto, ON M5S 2C5, Canada"),
    ),
    {"Inv_Date": "07-Apr-2022", "Inv_Total": "18.42", "Currency": "CAD"},
)  # fmt: skip

_AT_HANDWERK = Layout(
    "at_stacked",
    (
        (15, 20, "Elektro Gruber KG", 15), (15, 26, "Salzburger Straße 9, 4840 Vöcklabruck", 8),
        *lines(15, 50, 4.5, "An", "Gemeinde Seewalchen", "Hauptplatz 1", "4863 Seewalchen"),
        *rows(75, 4, (15, 60, 95, 130), ("Rechnungs-", "Rechnungs-", "Kunden-", "Leistungs-"),
              ("nummer", "datum", "nummer", "zeitraum"),
              ("2021/0815", "30.09.2021", "10044", "09/2021")),
        *rows(100, 6, (15, 30, 100, 125, 150, 178),
              ("Pos", "Leistung", "Menge", "Einheit", "EP", "GP"),
              ("1", "Arbeitszeit Monteur", "14,5", "Std", "68,00", "986,00"),
              ("2", "LED-Leuchte", "10", "Stk", "85,90", "859,00")),
        *rows(125, 5, (120, 178), ("Summe exkl. USt", "1.845,00"), ("20 % USt", "369,00"),
              ("Summe inkl. USt EUR", "2.214,00")),
        (15, 160, "Zahlbar bis 14.10.2021 ohne Abzug."),
        (15, 285, "UID: ATU12345678 | FN 123456a | IBAN AT61 1904 3002 3457 3201", 7),
    ),
    {"Inv_Number": "2021/0815", "Inv_Date": "30-Sep-2021", "Due_Date": "14-Oct-2021",
     "Sub-Total": "1845.00", "Tax_Total": "369.00", "Inv_Total": "2214.00", "Currency": "EUR",
     "Supplier_Name": "Elektro Gruber KG", "Buyer_Name": "Gemeinde Seewalchen"},
    items=2,
)  # fmt: skip

_BILINGUAL = Layout(
    "bilingual",
    (
        (15, 20, "Swiss Tools International AG", 14),
        *lines(15, 26, 4, "Werkstrasse 1, CH-4600 Olten", "MWST-Nr. CHE-101.202.303"),
        *lines(120, 45, 4.5, "Rechnungsadresse / Bill-to", "Nordwind Maskin AB", "Hamngatan 6",
               "SE-411 14 Göteborg"),
        (15, 75, "Rechnung / Invoice", 14),
        *rows(83, 4.5, (15, 65), ("Rechnungs-Nr. / Invoice No.", "90044127"),
              ("Datum / Date", "29.08.2022"), ("Fällig / Due", "28.09.2022"),
              ("Ihre Bestellung / Your order", "4500018821")),
        *rows(110, 6, (15, 100, 125, 155), ("Bezeichnung / Description", "Menge / Qty",
                                           "Preis / Price", "Betrag / Amount"),
              ("Drehmomentschlüssel 40-200 Nm", "25", "148.50", "3'712.50")),
        *rows(130, 6, (100, 155), ("Total netto / Net total", "3'712.50"),
              ("MWST / VAT 0%", "0.00"), ("Rechnungsbetrag / Invoice amount", "EUR 3'712.50")),
    ),
    {"Inv_Number": "90044127", "Inv_Date": "29-Aug-2022", "Due_Date": "28-Sep-2022",
     "PO_Number": "4500018821", "Inv_Total": "3712.50", "Currency": "EUR",
     "Supplier_Name": "Swiss Tools International AG", "Buyer_Name": "Nordwind Maskin AB"},
    items=1,
)  # fmt: skip

HARD_LAYOUTS = (
    _ERP, _HOSTER, _FR_MOBILE, _INDIAN_SHOP, _MARKET, _CLOUD, _DE_MARKETPLACE, _INSURER,
    _CORRECTION, _SOFTWARE, _NL_TELECOM, _IT_BOLLETTA, _ES_TELECOM, _LETTER, _FR_MODEL, _RIDE,
    _AT_HANDWERK, _BILINGUAL,
)  # fmt: skip
