"""A drawn presenter: footage of nobody, with known ground truth, for the demo and the tests."""
