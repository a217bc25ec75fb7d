"""Finding code by name and by meaning."""
