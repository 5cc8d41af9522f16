"""Finished takes for other programs: a movie with alpha for editing, curves for programs that play face captures."""
