"""Named curves over time that drive the portrait: from footage, from audio, or from an artist."""
