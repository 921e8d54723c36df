"""What many roofs mean: sums, goals, money, carbon; no files."""
