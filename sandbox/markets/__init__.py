"""The sample markets: what a committed generator made, and a small server that speaks as the two APIs do."""
