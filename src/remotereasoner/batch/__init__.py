"""Archives: many images and questions, one ledger, any executor. See docs/batch.md."""
