"""The recognisers of personal data that `routing/mask` puts together: each finds spans of a text, none changes it."""
