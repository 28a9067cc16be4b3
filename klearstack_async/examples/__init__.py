"""Complete programs to run and to copy from. Nothing else of the package knows of them."""
