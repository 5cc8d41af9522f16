"""The product's version. pyproject.toml and the extension's manifest say the same; a test compares them."""

VERSION = "0.1.0"
