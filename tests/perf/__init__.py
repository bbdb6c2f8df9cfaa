"""The measuring scripts: their reports, their exit codes, and the profiles they leave."""
