"""Keys and values of shared prefixes, kept for states, their candidates and their descendants."""
