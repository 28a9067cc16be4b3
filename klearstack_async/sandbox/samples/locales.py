"""How countries write numbers, dates and paper sizes.

The words of a language live in `words`; the pattern of an amount with its currency belongs to the
invoice, because firms of one country differ in it.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from klearstack_async.sandbox.samples.words import Words
from klearstack_async.sandbox.samples.words import english as en
from klearstack_async.sandbox.samples.words import germanic as ge
from klearstack_async.sandbox.samples.words import romance as ro
from klearstack_async.sandbox.samples.words import slavic as sl

# A number must not break over two lines, so firms put a no-break space between its groups.
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """One country's habits in one language."""

    code: str
    words: Words
    point: str = ","
    comma: str = "."
    lakhs: bool = False
    short_date: str = "{day:02}.{month:02}.{year}"
    long_date: str = "{day}. {name} {year}"
    percent: str = "{} %"
    paper: str = "A4"

    @property
    def language(self) -> str:
        """The language's two letters."""
        return self.code[:2]

    def saying(self, **words: Any) -> "Locale":
        """Return the locale with some of its words replaced: firms differ in their labels."""
        return replace(self, words=replace(self.words, **words))

    def write_amount(self, value: Decimal) -> str:
        """Write a number with two places, grouped: `1.234,50`."""
        whole, _, cents = f"{abs(value):.2f}".partition(".")
        sign = "-" if value < 0 else ""
        return f"{sign}{self._group(whole)}{self.point}{cents}"

    def write_quantity(self, value: Decimal) -> str:
        """Write a quantity or a rate with no more places than it has: `2,5`."""
        return f"{value.normalize():f}".replace(".", self.point)

    def write_money(self, value: Decimal, pattern: str) -> str:
        """Write an amount with its currency, the sign before both: `-$1,234.50`."""
        sign = "-" if value < 0 else ""
        return sign + pattern.format(self.write_amount(abs(value)))

    def write_rate(self, percent: Decimal) -> str:
        """Write a tax rate: `19 %`."""
        return self.percent.format(self.write_quantity(percent))

    def write_date(self, day: date, *, long: bool = False) -> str:
        """Write a date in figures, or with the month's name."""
        pattern = self.long_date if long else self.short_date
        return pattern.format(
            day=day.day, month=day.month, year=day.year, name=self.words.months[day.month - 1]
        )

    def _group(self, whole: str) -> str:
        if self.lakhs:
            # 12,34,567: three digits at the end, pairs before them.
            head, tail = whole[:-3], whole[-3:]
            pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
            return self.comma.join([*reversed(pairs), tail])
        return f"{int(whole):,}".replace(",", self.comma)


_SLASHES = "{day:02}/{month:02}/{year}"
_DAY_MONTH_YEAR = "{day} {name} {year}"
_WITH_DE = "{day} de {name} de {year}"
_ISO = "{year}-{month:02}-{day:02}"

_ENGLISH = Locale(
    code="en-GB",
    words=en.BRITISH,
    point=".",
    comma=",",
    short_date=_SLASHES,
    long_date=_DAY_MONTH_YEAR,
    percent="{}%",
)
GREAT_BRITAIN = _ENGLISH
IRELAND = replace(_ENGLISH, code="en-IE")
AUSTRALIA = replace(_ENGLISH, code="en-AU", words=en.AUSTRALIAN)
INDIA = replace(_ENGLISH, code="en-IN", words=en.INDIAN, lakhs=True)
UNITED_STATES = replace(
    _ENGLISH,
    code="en-US",
    words=en.AMERICAN,
    short_date="{month:02}/{day:02}/{year}",
    long_date="{name} {day}, {year}",
    paper="letter",
)

GERMANY = Locale(code="de-DE", words=ge.GERMAN)
AUSTRIA = Locale(code="de-AT", words=ge.AUSTRIAN)
SWITZERLAND = Locale(code="de-CH", words=ge.SWISS, point=".", comma="’", percent="{}%")  # noqa: RUF001 (the Swiss separator)
NETHERLANDS = Locale(
    code="nl-NL",
    words=ge.DUTCH,
    short_date="{day:02}-{month:02}-{year}",
    long_date=_DAY_MONTH_YEAR,
    percent="{}%",
)
SWEDEN = Locale(
    code="sv-SE", words=ge.SWEDISH, comma=NO_BREAK, short_date=_ISO, long_date=_DAY_MONTH_YEAR
)
DENMARK = Locale(code="da-DK", words=ge.DANISH, short_date="{day:02}-{month:02}-{year}")

FRANCE = Locale(
    code="fr-FR",
    words=ro.FRENCH,
    comma=NO_BREAK,
    short_date=_SLASHES,
    long_date=_DAY_MONTH_YEAR,
)
ROMANDY = replace(SWITZERLAND, code="fr-CH", words=ro.FRENCH, long_date=_DAY_MONTH_YEAR)
QUEBEC = replace(FRANCE, code="fr-CA", words=ro.QUEBECER, short_date=_ISO, paper="letter")
SPAIN = Locale(
    code="es-ES", words=ro.SPANISH, short_date=_SLASHES, long_date=_WITH_DE, percent="{}%"
)
MEXICO = replace(SPAIN, code="es-MX", point=".", comma=",", paper="letter")
ITALY = Locale(
    code="it-IT",
    words=ro.ITALIAN,
    short_date=_SLASHES,
    long_date=_DAY_MONTH_YEAR,
    percent="{}%",
)
PORTUGAL = replace(SPAIN, code="pt-PT", words=ro.PORTUGUESE, comma=NO_BREAK)
POLAND = Locale(
    code="pl-PL", words=sl.POLISH, comma=NO_BREAK, long_date=_DAY_MONTH_YEAR, percent="{}%"
)
