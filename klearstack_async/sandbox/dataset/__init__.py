"""Reading a data file (CSV or XLSX) that nobody vouches for into columns and rows of text.

It knows neither requests nor the database. `table.py` judges what `delimited.py` and
`spreadsheet.py` read.
"""

from klearstack_async.sandbox.dataset.limits import DatasetError, DatasetLimits
from klearstack_async.sandbox.dataset.table import Dataset, difference_of, read_dataset

__all__ = ["Dataset", "DatasetError", "DatasetLimits", "difference_of", "read_dataset"]
