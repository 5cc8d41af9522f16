"""The head tracks itself: poses of all frames, refined until a head that was trained on them lies on the footage."""
