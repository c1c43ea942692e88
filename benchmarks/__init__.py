"""What `make bench` runs: synthetic blocks of mainnet size, a node that replays them, and what is measured with it."""
