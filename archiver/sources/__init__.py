"""Where clicks come from: one module per service, and what they share."""
