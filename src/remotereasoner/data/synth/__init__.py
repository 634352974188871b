"""The synthetic world: overhead scenes drawn by code, with exact labels."""
