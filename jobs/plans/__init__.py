"""One module per room, named like it, holding ``PLAN``: what a run of days from the command line does there."""
