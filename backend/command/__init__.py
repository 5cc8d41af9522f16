"""The command line: verbs, terminal, doctor, bench."""
