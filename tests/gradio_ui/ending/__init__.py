"""An app whose callbacks leave traces in files, so that one sees when they have ended."""
