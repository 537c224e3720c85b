"""Whether what is stored is what was committed: recomputed, and held against the ledger."""
