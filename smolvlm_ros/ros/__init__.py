"""What all nodes share: parameters, lifecycle, QoS, diagnostics, conversions and the mailbox."""
