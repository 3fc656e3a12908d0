"""An app whose callbacks keep what must not reach others."""
