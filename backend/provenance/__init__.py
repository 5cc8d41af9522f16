"""What delivered files say of themselves: marks, signatures by an identity, and the check of both."""
