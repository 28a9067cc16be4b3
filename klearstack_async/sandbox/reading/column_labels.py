"""The headings of the columns of line items, by role and language.

A table only. Headings are compared as labels are: without case, accents, spaces, punctuation.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from klearstack_async.sandbox.reading.words import norm

__all__ = ["Role", "column_role"]

Role = Literal["description", "article", "quantity", "price", "amount", "other"]

_HEADINGS: dict[Role, str] = {
    "description": "description, item description, details, product, product description, service"
    ", particulars, description of goods, description of goods and services, services, activity"
    ", goods, item & description, item name, items, line items, item details, title, work"
    ", Beschreibung, Bezeichnung, Artikelbezeichnung, Artikelbeschreibung, Leistung, Produkt, Text"
    ", Leistungsbeschreibung, Gegenstand, Produktbezeichnung, Warenbezeichnung, Position, Dienst"
    ", Bezeichnung der Leistung, Leistungen, Produktbeschreibung, Leistungsbezeichnung"
    ", Artikel / Bezeichnung, Buchungstext, Tätigkeit"
    ", désignation, libellé, description, produit, prestation, produits, détail, intitulé, nature"
    ", omschrijving, productomschrijving, beschrijving, product, dienst, artikelomschrijving"
    ", descripción, concepto, producto, detalle, descripción del producto, servicio"
    ", descrizione, prodotto, descrizione articolo, descrizione dei beni, prestazione, causale"
    ", descrição, designação, produto, serviço, descrição do produto"
    ", nazwa, nazwa towaru, nazwa towaru lub usługi, nazwa usługi, opis, nazwa towaru/usługi"
    ", usługa, towar, nazwa towarów lub usług"
    ", beskrivning, benämning, benämning, produkt, specifikation, artikelbenämning, avser"
    ", beskrivelse, tekst, ydelse, varebeskrivelse, produktbeskrivelse, vare, varetekst"
    ", kuvaus, tuote, nimike, selite, tuotenimi, tuotekuvaus, palvelu"
    ", popis, název, popis položky, označení dodávky, položka, předmět, předmět plnění",
    "article": "item, article, sku, code, item code, part, part number, item no, item number"
    ", product code, Artikel, Art, Artikelnummer, Artikel-Nr, Art.-Nr, Artnr, ArtNr, Ware"
    ", article, référence, réf, code article, artikel, artikelnr, artikelnummer, código, articolo"
    ", codice, cod, ref, referencia, artigo, código artigo, symbol, indeks, artikel nr, varenr"
    ", varenummer, tuotenro, tuotenumero, koodi, kód, artículo, artikelkod",
    "quantity": "quantity, qty, units, hours, qty., hrs, hours/qty, quantity ordered, shipped, pcs"
    ", Menge, Anzahl, Stück, Stk, Std, Stunden, Anz, Menge/Einheit, Einheiten, Stückzahl, Mge"
    ", quantité, qté, qte, nombre, nb, quant, quantités"
    ", aantal, hoeveelheid, stuks, uren, aant, st"
    ", cantidad, cant, uds, unidades, ctd, horas"
    ", quantità, qtà, q.tà, qta, q.ta, quantita, pezzi"
    ", quantidade, qtd, qtde, quant., qtd."
    ", ilość, ilosc, liczba, ilość szt"
    ", antal, ant, antall, antal st, kpl, määrä, lkm, kpl määrä, määrä kpl, antal/st"
    ", množství, počet, mnozstvi, ks, počet ks, počet mj",
    "price": "unit price, price, rate, unit cost, price per unit, price each, cost, each, net price"
    ", price/unit, unit price excl vat, item price, unit net price, hourly rate, price net"
    ", per unit"
    ", unit rate, price ex vat, unit price (net), price (net)"
    ", Einzelpreis, Preis, E-Preis, EP, Stückpreis, Nettopreis, VK-Preis, Einheitspreis, Einzel"
    ", Preis/Einheit, Einzelpreis netto, Preis netto, Ep netto, Preis/Stk, Preis pro Einheit, Satz"
    ", Stundensatz, Preis je Einheit, Einzel/€, Einzelpr, Netto-Einzelpreis, Einzel €, Ansatz"
    ", Einzelpreis €, Einzelpreis EUR, Einzelpreis in EUR, Nettoeinzelpreis, Einzelpreis/Netto"
    ", prix unitaire, PU, P.U., prix unitaire HT, PU HT, prix unit, prix, P.U. HT, tarif, prix u"
    ", prix u. HT, PUHT, prix unitaire (HT), coût unitaire, prix unit. HT, prix HT"
    ", prijs, stuksprijs, prijs per stuk, eenheidsprijs, tarief, prijs/stuk, stukprijs, uurtarief"
    ", prijs p/st, prijs incl btw, prijs excl btw, prijs per eenheid"
    ", precio, precio unitario, precio unidad, p. unit, p.unit., precio ud, pvp, tarifa, coste"
    ", precio unit, precio/ud, precio uni"
    ", prezzo, prezzo unitario, prezzo unit, pr. unit, p. unitario, prezzo un, costo unitario"
    ", prezzo u, importo unitario, prezzo netto"
    ", preço, preço unitário, preço unit, p. unitário, p. unit., valor unitário, pr. unitário"
    ", cena, cena jednostkowa, cena jedn, cena netto, cena jedn netto, cena jednostkowa netto"
    ", cena j, cena brutto"
    ", pris, à-pris, a-pris, á-pris, styckpris, pris/st, apris, enhetspris, stykpris, enhedspris"
    ", pris pr stk, pris per enhet, pris/enhet, stk pris, pris pr. stk., stk. pris"
    ", hinta, yksikköhinta, à-hinta, a-hinta, ahinta, yks.hinta, kpl-hinta, hinta/yks, á hinta"
    ", jednotková cena, cena za ks, cena za jednotku, cena/mj, jedn cena, cena za mj, cena ks"
    ", cena za kus",
    "amount": "amount, total, line total, net amount, total price, net, extended price, net total"
    ", subtotal, value, total amount, ext price, extended, gross, line amount, net value, sum"
    ", amount (EUR), amount (USD), amount excl vat, total excl vat, total net, net line total"
    ", taxable value, charge, charges, total incl vat, ext. price, line net amount, total cost"
    ", Betrag, Gesamt, Gesamtpreis, Summe, G-Preis, GP, Nettobetrag, Nettowert, Zeilenbetrag, Wert"
    ", Gesamtbetrag, Gesamtpreis netto, Gesamt netto, Preis gesamt, Betrag netto, Gesamt/€, Netto"
    ", Gesamtpr, Zeilensumme, Positionsbetrag, Total, Brutto, Betrag EUR, Betrag €, Gesamt €, CHF"
    ", Betrag in EUR, Gesamtpreis €, Gesamtpreis EUR, EUR, Gesamt EUR, Betrag CHF, Gesamtwert"
    ", Bruttobetrag, Betrag/EUR, Summe netto, Gesamtnettopreis, Summe €, Summe EUR"
    ", montant, montant HT, total HT, total, prix total, total ligne, montant net, prix total HT"
    ", total TTC, montant TTC, total (HT), montant (HT), net HT, montant H.T., total H.T."
    ", montant EUR, total €, total net HT"
    ", bedrag, totaal, totaalbedrag, regeltotaal, totaal excl btw, subtotaal, netto, totaalprijs"
    ", totaal incl btw, netto bedrag, bedrag excl btw, bedrag incl btw, totaal excl"
    ", importe, total, subtotal, importe total, importe neto, valor, total línea, neto, importe €"
    ", importo, totale, importo netto, totale riga, imponibile, prezzo totale, valore, importo €"
    ", totale netto, importo totale"
    ", valor, total, valor total, montante, total líquido, valor líquido, total s/ iva, total €"
    ", wartość, wartość netto, kwota, wartość brutto, razem, kwota netto, suma, wartość sprzedaży"
    ", belopp, summa, totalt, radbelopp, radsumma, netto, nettobelopp, summa exkl moms, beløb"
    ", beløp, i alt, sum, pris i alt, linjetotal, total, totalpris, linjesum, beløb i alt"
    ", summa, yhteensä, veroton, verollinen, netto, rivisumma, yhteensä €, summa €, veroton summa"
    ", celkem, částka, cena celkem, celková cena, cena bez DPH, celkem bez DPH, celkem s DPH"
    ", cena s DPH, celkem Kč, cena celkem bez DPH",
    "other": "pos, no, nr, #, line, lp, l.p., vat, tax, vat %, vat rate, tax rate, unit, discount"
    ", disc, uom, date, hsn, hsn/sac, hsn code, tax %, vat amount, tax amount, gst, Einheit, MwSt"
    ", USt, Steuersatz, MwSt-%, MwSt %, USt %, Rabatt, Rabatt %, Steuer, TVA, taux TVA"
    ", remise, rem"
    ", unité, taux, btw, btw %, korting, eenheid, iva, iva %, % iva, dto, descuento, % dto"
    ", u.m., um"
    ", aliquota, sconto, aliq, unidade, desc, desconto, taxa, jm, j.m., rabat, stawka vat, vat%"
    ", kwota vat, moms, moms %, rabatt, enhet, enhed, mva, mva %, alv, alv %, ale %, yksikkö, yks"
    ", dph, dph %, sazba dph, mj, sleva, Meng.-einheit, ME, Datum, Steuerbetrag, stawka, sazba, č",
}
_MAX_TAIL = ("eur", "usd", "gbp", "chf", "sek", "dkk", "nok", "pln", "czk", "kc", "zl", "kr")


@cache
def _table() -> dict[str, Role]:
    found: dict[str, Role] = {}
    for role, headings in _HEADINGS.items():
        for heading in headings.split(","):
            found.setdefault(norm(heading), role)
    return found


def column_role(key: str) -> Role | None:
    """Tell a heading's role by its compared form (`norm`), or None when it is no heading known.

    Args:
        key: The heading's words, each reduced by `norm`, joined without spaces.
    """
    role = _table().get(key)
    if role is None:
        for tail in _MAX_TAIL:
            if key.endswith(tail) and len(key) > len(tail):
                return _table().get(key.removesuffix(tail).removesuffix("in"))
    return role
