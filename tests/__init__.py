"""The tests; docs/testing.md says what runs where."""
