"""What one roof can do: arrays in, arrays out, no files."""
