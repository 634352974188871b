"""What runs the units of a batch: this process, local processes, a Ray cluster. None of them writes to the ledger."""
