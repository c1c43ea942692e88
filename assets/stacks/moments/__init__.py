"""Tables of moments as assets: prices, the mempool, the tip, the spot figures."""
