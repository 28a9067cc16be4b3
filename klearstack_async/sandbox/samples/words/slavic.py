"""The Polish words.

Written without the Polish letters that windows-1252 lacks, as older accounting programs print them.
"""

from klearstack_async.sandbox.samples.words import Words

POLISH = Words(
    invoice="Faktura VAT",
    credit_note="Faktura korygujaca",
    number="Faktura nr",
    credit_number="Korekta nr",
    corrects="Do faktury",
    date="Data wystawienia",
    due="Termin platnosci",
    po="Nr zamówienia",
    seller="Sprzedawca",
    buyer="Nabywca",
    position="Lp.",
    sku="Indeks",
    item="Nazwa towaru lub uslugi",
    quantity="Ilosc",
    unit="J.m.",
    price="Cena netto",
    rate="VAT",
    amount="Wartosc netto",
    sub_total="Razem netto",
    tax="VAT",
    taxed="{tax} od {amount}",
    tax_total="Razem VAT",
    total="Do zaplaty",
    total_credit="Do zwrotu",
    carried="Do przeniesienia",
    brought="Z przeniesienia",
    page="Strona {page} z {pages}",
    terms="Forma platnosci: przelew, {days} dni.",
    bank="Rachunek bankowy",
    thanks="Dziekujemy za wspólprace.",
    slip="Odcinek wplaty",
    slip_note="Prosimy odciac i zalaczyc do wplaty",
    reference="Tytulem",
    months=(
        "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia",
        "wrzesnia", "pazdziernika", "listopada", "grudnia",
    ),
)  # fmt: skip
