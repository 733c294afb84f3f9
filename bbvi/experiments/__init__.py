"""The laboratory: runs, sweeps and their records (floor 6); import its modules by name."""
