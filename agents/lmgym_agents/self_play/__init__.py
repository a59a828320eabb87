"""What self-play is made of: opponents, games side by side, ratings."""
