"""An app for attacks, and what its tests know of it without importing Gradio."""

# Of ada and bob where it is served bare.
PASSWORD = "bare"
# What an exception of an app may contain, and no client may see.
CONNECTION = "postgres://app:hunter2@db.internal/live"
# Of the page; who may not open the app is not told of it.
TITLE = "Plans for closing the plant"
# What a function answers that is for analysts, as ada is one.
PAYROLL = "everybody earns 5,000"
