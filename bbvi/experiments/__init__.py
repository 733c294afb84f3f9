"""The laboratory: runs, sweeps and their records; import its modules by name."""
