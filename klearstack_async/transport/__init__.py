"""The only code that touches sockets, files and the clock."""
