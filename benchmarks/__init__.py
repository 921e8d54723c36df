"""Side-by-side measurements, one file per question; each prints JSON."""
