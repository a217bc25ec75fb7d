"""Running commands on the user's machine within limits."""
