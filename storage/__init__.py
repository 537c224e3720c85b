"""Where clicks rest: one module per store, and the ledger."""
