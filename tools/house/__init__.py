"""The house's own rules: which rooms there are, on which floor, and who may import whom. Run by tests/house."""
