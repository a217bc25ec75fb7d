"""Where threads are kept: one protocol, and SQLite, memory and PostgreSQL behind it."""
