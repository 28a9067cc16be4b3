"""A service with a page: drop invoices, watch them being read, see each value on its page.

    python -m klearstack_async.examples.invoices

`app.py` has the endpoints, `jobs.py` what a drop is, `page/` what the browser gets, and
`__main__.py` the command with its sandbox. To make it yours, copy the folder. It has no logins: who
reaches it can upload, and who has a drop's key can see its documents. Put your own in front.
"""
